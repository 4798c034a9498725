//! Rows of a table.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use crate::fields::{Field, Record};

/// `impl FromRow`
pub(crate) fn from_row(record: &Record) -> TokenStream {
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
                        #protocol::ValueErrorReason::MissingColumn(#column.into()).into(),
                    );
                }
            }
        };
        quote! {
            let mut found = columns.iter().enumerate().filter(|(_, column)| &*column.name == #column);
            match found.next() {
                ::core::option::Option::Some((index, column)) => {
                    <#typ as #protocol::value::FromCql<#frame>>::check(&column.typ)
                        .map_err(|error| error.in_column(index, &column.name))?;
                }
                #missing
            }
            if found.next().is_some() {
                return ::core::result::Result::Err(
                    #protocol::ValueErrorReason::DuplicateColumn(#column.into()).into(),
                );
            }
        }
    });
    let flattened = record
        .flattened()
        .map(|Field { typ, .. }| quote!(<#typ as #protocol::row::FromRow<#frame>>::check(columns)?;));
    // A struct within reads the row from its beginning, for its own columns.
    let beginning = record.flattened().next().map(|_| quote!(let beginning = row.clone();));
    let slots = slots(record);
    let columns = record.columns().map(|field| &field.column);
    let fields = construction(record, |column| quote!(MissingColumn(#column.into())));

    quote! {
        #[automatically_derived]
        impl #impl_generics #protocol::row::FromRow<#frame> for #name #type_generics #where_clause {
            fn check(
                columns: &[#protocol::types::ColumnSpec],
            ) -> ::core::result::Result<(), #protocol::ValueError> {
                #(#checks)*
                #(#flattened)*
                ::core::result::Result::Ok(())
            }

            fn from_row(
                columns: &#frame [#protocol::types::ColumnSpec],
                row: &mut #protocol::row::RowCells<#frame>,
            ) -> ::core::result::Result<Self, #protocol::ValueError> {
                #beginning
                #(let mut #slots = ::core::option::Option::None;)*
                for column in columns {
                    match &*column.name {
                        #(#columns => #slots = ::core::option::Option::Some(row.value()?),)*
                        _ => {
                            row.cell()?;
                        }
                    }
                }
                ::core::result::Result::Ok(Self { #(#fields,)* })
            }
        }
    }
}

/// `impl IntoRow`
pub(crate) fn into_row(record: &Record) -> TokenStream {
    let Record { name, protocol, .. } = record;
    let generics = record.writing_generics();
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    let (columns, idents) = (
        record.columns().map(|field| &field.column).collect::<Vec<_>>(),
        record.columns().map(|field| &field.ident).collect::<Vec<_>>(),
    );
    let within = record.flattened().map(|field| &field.ident).collect::<Vec<_>>();
    let types_within = record.flattened().map(|field| &field.typ).collect::<Vec<_>>();
    let names = record.columns().filter(|field| !field.default).map(|field| &field.column);
    // Which fields found a marker; those with a default need none.
    let written = slots(record);
    let required = || record.columns().zip(&written).filter(|(field, _)| !field.default);
    let declared = required().map(|(_, written)| quote!(let mut #written = false;));
    let marks = record.columns().zip(&written).map(|(field, written)| match field.default {
        true => quote!(),
        false => quote!(#written = true;),
    });
    let checks = required().map(|(Field { column, .. }, written)| {
        quote! {
            if !#written {
                return ::core::result::Result::Err(
                    #protocol::ValueErrorReason::MissingColumn(#column.into()).into(),
                );
            }
        }
    });

    quote! {
        #[automatically_derived]
        impl #impl_generics #protocol::row::IntoRow for #name #type_generics #where_clause {
            fn write_row(
                &self,
                columns: &[#protocol::types::ColumnSpec],
                out: &mut #protocol::row::RowWriter<'_>,
            ) -> ::core::result::Result<(), #protocol::ValueError> {
                #(#declared)*
                for (index, column) in columns.iter().enumerate() {
                    match &*column.name {
                        #(#columns => {
                            out.value(&self.#idents)?;
                            #marks
                        })*
                        unknown => {
                            #(if #protocol::row::IntoNamedRow::write_column(&self.#within, unknown, out)? {
                                continue;
                            })*
                            let reason = #protocol::ValueErrorReason::UnknownColumn(unknown.into());
                            let error = #protocol::ValueError::new(reason);
                            return ::core::result::Result::Err(error.in_column(index, unknown));
                        }
                    }
                }
                #(#checks)*
                #(<#types_within as #protocol::row::IntoNamedRow>::check_columns(columns)?;)*
                ::core::result::Result::Ok(())
            }
        }

        #[automatically_derived]
        impl #impl_generics #protocol::row::IntoNamedRow for #name #type_generics #where_clause {
            fn write_column(
                &self,
                name: &str,
                out: &mut #protocol::row::RowWriter<'_>,
            ) -> ::core::result::Result<bool, #protocol::ValueError> {
                match name {
                    #(#columns => {
                        out.value(&self.#idents)?;
                        ::core::result::Result::Ok(true)
                    })*
                    _ => {
                        #(if #protocol::row::IntoNamedRow::write_column(&self.#within, name, out)? {
                            return ::core::result::Result::Ok(true);
                        })*
                        ::core::result::Result::Ok(false)
                    }
                }
            }

            fn check_columns(
                columns: &[#protocol::types::ColumnSpec],
            ) -> ::core::result::Result<(), #protocol::ValueError> {
                let required: &[&str] = &[#(#names),*];
                for name in required {
                    if !columns.iter().any(|column| &*column.name == *name) {
                        return ::core::result::Result::Err(
                            #protocol::ValueErrorReason::MissingColumn((*name).into()).into(),
                        );
                    }
                }
                #(<#types_within as #protocol::row::IntoNamedRow>::check_columns(columns)?;)*
                ::core::result::Result::Ok(())
            }
        }
    }
}

/// A local variable for each field with a column.
pub(crate) fn slots(record: &Record) -> Vec<proc_macro2::Ident> {
    (0..record.columns().count()).map(|index| format_ident!("slot{index}")).collect()
}

/// `field: value` for each field, from the slots.
pub(crate) fn construction(record: &Record, missing: impl Fn(&str) -> TokenStream) -> Vec<TokenStream> {
    let protocol = &record.protocol;
    let mut slots = slots(record).into_iter();
    let construct = |field: &Field| {
        let Field { ident, typ, .. } = field;
        if field.flatten {
            let frame = &record.frame;
            return quote! {
                #ident: <#typ as #protocol::row::FromRow<#frame>>::from_row(columns, &mut beginning.clone())?
            };
        }
        if field.skip {
            return quote!(#ident: ::core::default::Default::default());
        }
        let slot = slots.next().expect("there is a slot for each field with a column");
        if let Some(value) = &field.default_value {
            return quote!(#ident: ::core::option::Option::unwrap_or_else(#slot, || #value));
        }
        if field.default {
            return quote!(#ident: ::core::option::Option::unwrap_or_default(#slot));
        }
        let reason = missing(&field.column);
        quote! {
            #ident: match #slot {
                ::core::option::Option::Some(value) => value,
                ::core::option::Option::None => {
                    return ::core::result::Result::Err(#protocol::ValueErrorReason::#reason.into());
                }
            }
        }
    };
    record.fields.iter().map(construct).collect()
}
