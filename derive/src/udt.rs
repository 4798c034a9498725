//! User-defined types.

use proc_macro2::TokenStream;
use quote::quote;

use crate::fields::{Field, Record};
use crate::row::{construction, slots};

/// `impl FromCql`
pub(crate) fn from_cql(record: &Record) -> TokenStream {
    let Record { name, protocol, frame, .. } = record;
    let generics = record.reading_generics();
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    let (_, type_generics, _) = record.generics.split_for_impl();

    let checks = record.columns().map(|Field { column, typ, default, .. }| {
        let missing = if *default {
            quote!(::core::option::Option::None => {})
        } else {
            quote! {
                ::core::option::Option::None => {
                    return ::core::result::Result::Err(
                        #protocol::ValueErrorReason::MissingField(#column.into()).into(),
                    );
                }
            }
        };
        quote! {
            match definition.fields.iter().find(|(name, _)| &**name == #column) {
                ::core::option::Option::Some((_, typ)) => {
                    <#typ as #protocol::value::FromCql<#frame>>::check(typ)?;
                }
                #missing
            }
        }
    });
    let slots = slots(record);
    let columns = record.columns().map(|field| &field.column);
    let fields = construction(record, |column| quote!(MissingField(#column.into())));

    quote! {
        #[automatically_derived]
        impl #impl_generics #protocol::value::FromCql<#frame> for #name #type_generics #where_clause {
            fn check(
                typ: &#protocol::types::CqlType,
            ) -> ::core::result::Result<(), #protocol::ValueError> {
                let definition = #protocol::value::UdtCells::definition::<Self>(typ)?;
                #(#checks)*
                ::core::result::Result::Ok(())
            }

            fn from_cql(
                typ: &#frame #protocol::types::CqlType,
                cell: ::core::option::Option<&#frame [u8]>,
            ) -> ::core::result::Result<Self, #protocol::ValueError> {
                #(let mut #slots = ::core::option::Option::None;)*
                for field in #protocol::value::UdtCells::new::<Self>(typ, cell)? {
                    let (name, typ, cell) = field?;
                    match name {
                        #(#columns => {
                            #slots = ::core::option::Option::Some(
                                #protocol::value::FromCql::from_cql(typ, cell)?,
                            );
                        })*
                        _ => {}
                    }
                }
                ::core::result::Result::Ok(Self { #(#fields,)* })
            }
        }
    }
}

/// `impl ToCql`
pub(crate) fn to_cql(record: &Record) -> TokenStream {
    let Record { name, protocol, .. } = record;
    let generics = record.writing_generics();
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    let columns = record.columns().map(|field| &field.column);
    let idents = record.columns().map(|field| &field.ident);
    let required = record.columns().filter(|field| !field.default).map(|Field { column, .. }| {
        quote! {
            if !definition.fields.iter().any(|(name, _)| &**name == #column) {
                return ::core::result::Result::Err(
                    #protocol::ValueErrorReason::UnknownField(#column.into()).into(),
                );
            }
        }
    });

    quote! {
        #[automatically_derived]
        impl #impl_generics #protocol::value::ToCql for #name #type_generics #where_clause {
            fn to_cql(
                &self,
                typ: &#protocol::types::CqlType,
                out: #protocol::value::ValueWriter<'_>,
            ) -> ::core::result::Result<(), #protocol::ValueError> {
                let definition = #protocol::value::UdtCells::definition::<Self>(typ)?;
                #(#required)*
                out.nested(|out| {
                    for (name, typ) in &definition.fields {
                        match &**name {
                            #(#columns => out.element(&self.#idents, typ)?,)*
                            _ => out.null(),
                        }
                    }
                    ::core::result::Result::Ok(())
                })
            }
        }
    }
}
