//! Objects that cannot be written as a list.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor, value::MapAccessDeserializer},
};

/// Reads `T` from an object and from nothing else. What serde derives also takes a list of the values, in the order in which
/// the fields happen to be declared.
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with its fields")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map))
            }
        }

        from.deserialize_map(Fields(PhantomData)).map(Object)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Agent, Mount, NetworkSpec};

    #[test]
    fn a_list_of_the_values_is_no_object() {
        let refused = |error: serde_json::Error| error.to_string();
        let agent = serde_json::from_value::<Agent>(json!([["cat"]]));
        assert!(refused(agent.unwrap_err()).contains("PROGRAM"));
        let network = serde_json::from_value::<NetworkSpec>(json!([["a.example"]]));
        assert!(refused(network.unwrap_err()).contains("HOST"));
        let mount = serde_json::from_value::<Mount>(json!(["/tmp", "/m", true]));
        assert!(refused(mount.unwrap_err()).contains("an object"));
    }
}
