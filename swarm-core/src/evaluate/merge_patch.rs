//! JSON Merge Patch, RFC 7396.

use serde_json::{Map, Value};
use thiserror::Error;

use crate::error_code::{Coded, ErrorCode};

/// How deep a patch may be nested: an object in an object has the depth 2.
pub const MAX_PATCH_DEPTH: usize = 64;

/// Why a patch was not applied. What it was meant for is as it was.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PatchError {
    /// It goes too deep.
    #[error("the patch is nested more than {MAX_PATCH_DEPTH} levels deep")]
    TooDeep,
}

impl Coded for PatchError {
    fn code(&self) -> ErrorCode {
        ErrorCode::InvalidInput
    }
}

/// Changes `target` as `patch` says: objects are merged field by field, null removes a field, and everything else, lists too,
/// is replaced as a whole.
pub fn merge_patch(target: &mut Value, patch: Value) -> Result<(), PatchError> {
    if is_deeper_than(&patch, MAX_PATCH_DEPTH) {
        return Err(PatchError::TooDeep);
    }
    merge(target, patch);
    Ok(())
}

/// Recurses as deep as the patch is nested.
fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(target) = target else {
        return;
    };
    for (key, value) in patch {
        if value.is_null() {
            target.remove(&key);
        } else {
            merge(target.entry(key).or_insert(Value::Null), value);
        }
    }
}

/// Whether objects and lists are nested more than `most` deep in each other.
pub(super) fn is_deeper_than(value: &Value, most: usize) -> bool {
    // Not recursive: how deep it goes is the question.
    let mut open = vec![(value, 1)];
    while let Some((value, depth)) = open.pop() {
        if depth > most && (value.is_object() || value.is_array()) {
            return true;
        }
        match value {
            Value::Array(values) => open.extend(values.iter().map(|value| (value, depth + 1))),
            Value::Object(fields) => open.extend(fields.values().map(|value| (value, depth + 1))),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn patched(mut target: Value, patch: Value) -> Value {
        merge_patch(&mut target, patch).unwrap();
        target
    }

    #[test]
    fn the_examples_of_the_rfc_hold() {
        for (target, patch, result) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (
                json!({"a": "b"}),
                json!({"b": "c"}),
                json!({"a": "b", "b": "c"}),
            ),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (
                json!({"a": "b", "b": "c"}),
                json!({"a": null}),
                json!({"b": "c"}),
            ),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
            (
                json!({"a": {"b": "c"}}),
                json!({"a": {"b": "d", "c": null}}),
                json!({"a": {"b": "d"}}),
            ),
            (
                json!({"a": [{"b": "c"}]}),
                json!({"a": [1]}),
                json!({"a": [1]}),
            ),
            (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
            (json!({"a": "b"}), json!(["c"]), json!(["c"])),
            (json!({"a": "foo"}), json!(null), json!(null)),
            (json!({"a": "foo"}), json!("bar"), json!("bar")),
            (
                json!({"e": null}),
                json!({"a": 1}),
                json!({"e": null, "a": 1}),
            ),
            (
                json!([1, 2]),
                json!({"a": "b", "c": null}),
                json!({"a": "b"}),
            ),
            (
                json!({}),
                json!({"a": {"bb": {"ccc": null}}}),
                json!({"a": {"bb": {}}}),
            ),
        ] {
            assert_eq!(patched(target, patch), result);
        }
    }

    #[test]
    fn a_patch_that_goes_too_deep_changes_nothing() {
        let nested = |depth| (0..depth).fold(json!(1), |inner, _| json!({ "a": inner }));
        assert_eq!(
            patched(json!(0), nested(MAX_PATCH_DEPTH)),
            nested(MAX_PATCH_DEPTH)
        );
        let mut target = json!({"b": 2});
        let error = merge_patch(&mut target, nested(MAX_PATCH_DEPTH + 1)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the patch is nested more than 64 levels deep"
        );
        assert_eq!(target, json!({"b": 2}));
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i8>().prop_map(Value::from),
            "[a-c]".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-d]", inner, 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    fn any_object() -> impl Strategy<Value = Value> {
        prop::collection::btree_map("[a-d]", any_json(), 0..4)
            .prop_map(|fields| Value::Object(fields.into_iter().collect()))
    }

    proptest! {
        #[test]
        fn a_patch_twice_is_the_patch_once(target in any_json(), patch in any_json()) {
            let once = patched(target, patch.clone());
            prop_assert_eq!(patched(once.clone(), patch), once);
        }

        #[test]
        fn an_empty_patch_leaves_an_object_alone(target in any_object()) {
            prop_assert_eq!(patched(target.clone(), json!({})), target);
        }

        #[test]
        fn a_field_that_is_not_in_the_patch_stays(target in any_object(), patch in any_object()) {
            let result = patched(target.clone(), patch.clone());
            for (key, value) in target.as_object().unwrap() {
                if patch.get(key).is_none() {
                    prop_assert_eq!(result.get(key), Some(value));
                }
            }
            for (key, value) in patch.as_object().unwrap() {
                prop_assert_eq!(result.get(key).is_none(), value.is_null());
            }
        }
    }
}
