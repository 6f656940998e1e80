//! From the tree of values to typed structures: each type reads itself, notes what is wrong, and goes on.
//!
//! A structure of the file is declared once, by [`structure!`]; its fields, the keys that its reader knows and its JSON
//! Schema come from that one declaration. The declarations stand in [`super::document`].

use std::ops::Deref;

use schemars::{Schema, SchemaGenerator, json_schema};

use super::node::{Key, Node, Value};
use crate::diagnostics::{Diagnostic, Span, did_you_mean, quoted};

/// Something that a policy file can hold.
pub(super) trait Read: Sized {
    /// Takes a value, or adds to `errors` why not.
    fn read(node: &Node, errors: &mut Vec<Diagnostic>) -> Option<Self>;

    /// What holds where the key is not there; `None` where it must be.
    fn absent() -> Option<Self> {
        None
    }

    /// What a JSON Schema says of it.
    fn schema(generator: &mut SchemaGenerator) -> Schema;
}

/// Notes that something else stands there than what is expected.
pub(super) fn mismatch<T>(node: &Node, expected: &str, errors: &mut Vec<Diagnostic>) -> Option<T> {
    let error = Diagnostic::error(node.span, format!("{} stands where {expected} is expected", node.described()));
    let wants_text = expected.contains("text") || expected.contains("name");
    errors.push(match &node.value {
        Value::Null => error.help("give the key a value, or leave it out"),
        Value::Number(_) | Value::Bool(_) if wants_text => error.help("put it in quotes"),
        _ => error,
    });
    None
}

/// A value with its place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub span: Span,
}

impl<T> Deref for Spanned<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: Read> Read for Spanned<T> {
    fn read(node: &Node, errors: &mut Vec<Diagnostic>) -> Option<Self> {
        T::read(node, errors).map(|value| Self { value, span: node.span })
    }
    fn schema(generator: &mut SchemaGenerator) -> Schema {
        T::schema(generator)
    }
}

impl<T: Read> Read for Option<T> {
    fn read(node: &Node, errors: &mut Vec<Diagnostic>) -> Option<Self> {
        T::read(node, errors).map(Some)
    }
    fn absent() -> Option<Self> {
        Some(None)
    }
    fn schema(generator: &mut SchemaGenerator) -> Schema {
        T::schema(generator)
    }
}

impl<T: Read> Read for Vec<T> {
    fn read(node: &Node, errors: &mut Vec<Diagnostic>) -> Option<Self> {
        let Value::List(items) = &node.value else { return mismatch(node, "a list", errors) };
        Some(items.iter().filter_map(|item| T::read(item, errors)).collect())
    }
    fn absent() -> Option<Self> {
        Some(Self::new())
    }
    fn schema(generator: &mut SchemaGenerator) -> Schema {
        let items = T::schema(generator);
        json_schema!({ "type": "array", "items": items })
    }
}

/// One value, or a list of them.
#[derive(Clone, Debug, PartialEq)]
pub struct OneOrMany<T>(pub Vec<T>);

impl<T: Read> Read for OneOrMany<T> {
    fn read(node: &Node, errors: &mut Vec<Diagnostic>) -> Option<Self> {
        match &node.value {
            Value::List(items) if items.is_empty() => {
                errors.push(
                    Diagnostic::error(node.span, "this list is empty").help("name something, or leave the key out"),
                );
                None
            }
            Value::List(_) => Vec::read(node, errors).map(Self),
            _ => T::read(node, errors).map(|value| Self(vec![value])),
        }
    }
    fn schema(generator: &mut SchemaGenerator) -> Schema {
        let one = T::schema(generator);
        json_schema!({ "anyOf": [one, { "type": "array", "items": one, "minItems": 1 }] })
    }
}

/// An object whose keys are names that the user chooses. A `description` among them is a text about the object.
#[derive(Clone, Debug, PartialEq)]
pub struct Entries<T> {
    /// What the object is for.
    pub description: Option<String>,
    /// The entries in the order of the file.
    pub entries: Vec<(Spanned<String>, T)>,
}

impl<T: Read> Read for Entries<T> {
    fn read(node: &Node, errors: &mut Vec<Diagnostic>) -> Option<Self> {
        let Value::Object(entries) = &node.value else { return mismatch(node, "an object", errors) };
        let mut read = Self { description: None, entries: Vec::new() };
        for (key, node) in entries {
            if key.text == "description" {
                read.description = String::read(node, errors);
            } else if let Some(value) = T::read(node, errors) {
                read.entries.push((Spanned { value: key.text.clone(), span: key.span }, value));
            }
        }
        Some(read)
    }
    fn absent() -> Option<Self> {
        Some(Self { description: None, entries: Vec::new() })
    }
    fn schema(generator: &mut SchemaGenerator) -> Schema {
        let entry = T::schema(generator);
        json_schema!({
            "type": "object",
            "properties": { "description": { "type": "string" } },
            "additionalProperties": entry,
        })
    }
}

/// Where a structure stands, and whether all of it could be read.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct At {
    /// Its place.
    pub span: Span,
    /// Whether something in it is wrong, so that what seems to be missing need not be.
    pub broken: bool,
}

/// How many unknown keys of one object are named. With more it is another kind of object altogether.
const UNKNOWN_KEYS: usize = 100;

/// An object whose keys are known.
pub(super) struct Table<'n> {
    entries: &'n [(Key, Node)],
    pub(super) at: At,
}

impl<'n> Table<'n> {
    /// Opens an object and notes the keys that it should not have.
    pub(super) fn open(node: &'n Node, known: &[&str], errors: &mut Vec<Diagnostic>) -> Option<Self> {
        let Value::Object(entries) = &node.value else { return mismatch(node, "an object", errors) };
        let mut table = Self { entries, at: At { span: node.span, broken: false } };
        let is_known = |key: &str| known.contains(&key);
        let taken: Vec<&str> = entries.iter().map(|(key, _)| key.text.as_str()).filter(|key| is_known(key)).collect();
        let free = || known.iter().copied().filter(|key| !taken.contains(key));
        for (key, _) in entries.iter().filter(|(key, _)| !is_known(&key.text)).take(UNKNOWN_KEYS) {
            let error = Diagnostic::error(key.span, format!("unknown key {}", quoted(&key.text)));
            let help = did_you_mean(&key.text, free());
            errors.push(error.help(help.unwrap_or_else(|| format!("known here: {}", known.join(", ")))));
            table.at.broken = true;
        }
        Some(table)
    }

    /// The value of one key: what stands there, else `default`, else what its absence means.
    pub(super) fn field<T: Read>(
        &mut self,
        key: &'static str,
        default: Option<fn() -> T>,
        errors: &mut Vec<Diagnostic>,
    ) -> Option<T> {
        let absent = || default.map_or_else(T::absent, |default| Some(default()));
        let Some((_, node)) = self.entries.iter().find(|(own, _)| own.text == key) else {
            let value = absent();
            if value.is_none() {
                errors.push(Diagnostic::error(self.at.span, format!("`{key}` is missing here")));
                self.at.broken = true;
            }
            return value;
        };
        let before = errors.len();
        let value = T::read(node, errors);
        self.at.broken |= errors.len() > before;
        value.or_else(absent)
    }
}

/// Declares a structure of the file.
///
/// Each field is `name: Type`, `name as "key": Type` where the key is no identifier, or `name: Type = default`. Every
/// structure has a `description` beside its own fields, as the format's authors put one anywhere.
macro_rules! structure {
    (
        $(#[doc = $about:literal])+
        $name:ident { $( $(#[doc = $doc:literal])+ $field:ident $(as $key:literal)? : $type:ty $(= $default:expr)?, )* }
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name {
            /// Where it stands.
            pub at: $crate::policy::read::At,
            /// What it is for, in the author's words.
            pub description: Option<String>,
            $( $(#[doc = $doc])+ pub $field: $type, )*
        }

        impl $crate::policy::read::Read for $name {
            fn read(
                node: &$crate::policy::node::Node,
                errors: &mut Vec<$crate::diagnostics::Diagnostic>,
            ) -> Option<Self> {
                const KEYS: &[&str] = &["description", $( $crate::policy::read::key!($field $($key)?) ),*];
                let mut table = $crate::policy::read::Table::open(node, KEYS, errors)?;
                let description = table.field("description", None, errors);
                $(
                    let $field = table.field::<$type>(
                        $crate::policy::read::key!($field $($key)?),
                        $crate::policy::read::default!($($default)?),
                        errors,
                    );
                )*
                Some(Self { at: table.at, description: description?, $( $field: $field?, )* })
            }

            fn absent() -> Option<Self> {
                Some(Self {
                    at: $crate::policy::read::At::default(),
                    description: None,
                    $( $field: $crate::policy::read::absent!($type $(, $default)?), )*
                })
            }

            fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                generator.subschema_for::<Self>()
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let mut object = $crate::policy::schema::Object::new(concat!($($about),+));
                $(
                    let default: Option<fn() -> $type> = $crate::policy::read::default!($($default)?);
                    let required = default.is_none() && <$type as $crate::policy::read::Read>::absent().is_none();
                    let schema = <$type as $crate::policy::read::Read>::schema(generator);
                    let key = $crate::policy::read::key!($field $($key)?);
                    object.property(key, concat!($($doc),+), schema, required);
                )*
                object.finish()
            }
        }
    };
}

macro_rules! key {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident $key:literal) => {
        $key
    };
}

macro_rules! default {
    () => {
        None
    };
    ($default:expr) => {
        Some(|| $default)
    };
}

macro_rules! absent {
    ($type:ty) => {
        <$type as $crate::policy::read::Read>::absent()?
    };
    ($type:ty, $default:expr) => {
        $default
    };
}

/// Declares an enumeration of words.
macro_rules! words {
    (
        $(#[doc = $about:literal])+
        $name:ident, $what:literal { $( $(#[doc = $doc:literal])+ $variant:ident = $word:literal, )+ }
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $( $(#[doc = $doc])+ $variant, )+
        }

        impl $name {
            /// The word of the file.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $( Self::$variant => $word, )+
                }
            }
        }

        impl $crate::policy::read::Read for $name {
            fn read(
                node: &$crate::policy::node::Node,
                errors: &mut Vec<$crate::diagnostics::Diagnostic>,
            ) -> Option<Self> {
                let known = [$( (Self::$variant, $word), )+];
                $crate::policy::value::word(node, $what, &known, errors)
            }

            fn schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "enum": [$($word),+] })
            }
        }
    };
}

pub(super) use {absent, default, key, structure, words};
