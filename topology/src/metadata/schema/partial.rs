//! Taking over a part of a keyspace that was read again.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::part::Part;
use crate::metadata::function::{Aggregate, Function};
use crate::metadata::keyspace::Keyspace;
use crate::metadata::user_types::UserTypes;
use crate::metadata::warning::Warning;

/// The user types, and with them everything that is made of them: only its types are read anew, from the text it was
/// declared with.
pub(super) fn user_types(known: &Keyspace, part: &Part<'_>) -> Keyspace {
    let types = UserTypes::new(known.name.clone(), part.types.iter().copied());
    let mut keyspace = known.clone();
    renew(&mut keyspace.tables, |table| table.retyped(&types));
    renew(&mut keyspace.views, |view| view.retyped(&types));
    renew(&mut keyspace.functions, |function| function.retyped(&types));
    renew(&mut keyspace.aggregates, |aggregate| aggregate.retyped(&types));
    keyspace.user_types = types.finish();
    keyspace
}

fn renew<K: Ord, T>(objects: &mut BTreeMap<K, Arc<T>>, make: impl Fn(&T) -> T) {
    for object in objects.values_mut() {
        *object = Arc::new(make(object));
    }
}

/// The table or view `name`. Without a row of either it is gone, a table with all its views.
pub(super) fn table(known: &Keyspace, part: &Part<'_>, name: &str, warnings: &mut Vec<Warning>) -> Keyspace {
    let types = UserTypes::known(known.name.clone(), &known.user_types);
    let mut keyspace = known.clone();
    let table_row = part.tables.iter().find(|row| row.table_name == name);
    let view_row = part.views.iter().find(|row| row.view_name == name);
    if view_row.is_none() {
        keyspace.views.remove(name);
    }
    match table_row {
        Some(row) => {
            let label = |table: &str| known.tables.get(table).and_then(|table| table.vertex_label.clone());
            let table = part.table(&keyspace.name, row, &types, &label);
            keyspace.tables.insert(table.name.clone(), Arc::new(table));
        }
        None if keyspace.tables.remove(name).is_some() => {
            keyspace.views.retain(|_, view| &*view.base_table != name);
        }
        None => {}
    }
    if let Some(row) = view_row {
        if keyspace.tables.contains_key(&*row.base_table_name) {
            let view = part.view(&keyspace.name, row, &types);
            keyspace.views.insert(view.table.name.clone(), Arc::new(view));
        } else {
            let view = row.view_name.clone();
            warnings.push(Warning::ViewWithoutTable { keyspace: known.name.clone(), view });
        }
    }
    link_views(&mut keyspace);
    keyspace
}

/// Tells each table its views.
fn link_views(keyspace: &mut Keyspace) {
    let views = &keyspace.views;
    for table in keyspace.tables.values_mut() {
        let of_it = || views.values().filter(|view| view.base_table == table.name);
        if !of_it().map(|view| &view.table.name).eq(table.views.iter()) {
            let names = of_it().map(|view| view.table.name.clone()).collect();
            Arc::make_mut(table).views = names;
        }
    }
}

/// All functions called `name`.
pub(super) fn functions(known: &Keyspace, part: &Part<'_>, name: &str) -> Keyspace {
    let types = UserTypes::known(known.name.clone(), &known.user_types);
    let mut keyspace = known.clone();
    keyspace.functions.retain(|signature, _| &*signature.name != name);
    for row in &part.functions {
        let function = Function::read(&keyspace.name, row, &types);
        keyspace.functions.insert(function.signature.clone(), Arc::new(function));
    }
    keyspace
}

/// All aggregates called `name`.
pub(super) fn aggregates(known: &Keyspace, part: &Part<'_>, name: &str) -> Keyspace {
    let types = UserTypes::known(known.name.clone(), &known.user_types);
    let mut keyspace = known.clone();
    keyspace.aggregates.retain(|signature, _| &*signature.name != name);
    for row in &part.aggregates {
        let aggregate = Aggregate::read(&keyspace.name, row, &types);
        keyspace.aggregates.insert(aggregate.signature.clone(), Arc::new(aggregate));
    }
    keyspace
}
