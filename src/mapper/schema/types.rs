//! User-defined types: from what there is to what structs say.

use chorus_topology::metadata::Keyspace;

use super::{SyncReport, SyncWarning, plan, statements};
use crate::mapper::UserTypeDefinition;

/// What has to be done for these, of which those within others come first.
pub(super) fn plan(types: &[UserTypeDefinition], keyspace: &Keyspace) -> SyncReport {
    let mut report = SyncReport::default();
    for definition in types {
        report.append(one(definition, keyspace));
    }
    report
}

fn one(definition: &UserTypeDefinition, keyspace: &Keyspace) -> SyncReport {
    let mut report = SyncReport::default();
    let Some(existing) = keyspace.user_types.get(&*definition.name) else {
        report.statements.push(statements::create_type(&keyspace.name, definition));
        report.created_types.push(definition.name.clone());
        return report;
    };
    for (name, typ) in &definition.fields {
        let found = existing.typ.fields.iter().zip(&existing.declared_types);
        let of = || format!("{}.{name}", definition.name);
        match found.into_iter().find(|((field, _), _)| **field == **name) {
            None => {
                report.statements.push(statements::add_field(&keyspace.name, &definition.name, name, typ));
                report.added_fields.push(of());
            }
            Some(((_, found), declared)) if !plan::same_field(typ, found) => {
                let (existing, model) = (declared.to_string(), typ.to_string());
                report.warnings.push(SyncWarning::Type { of: of(), existing, model });
            }
            Some(_) => {}
        }
    }
    report
}
