//! The JSON Schema of the policy file, made from the structures that read it.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema as _, Schema, json_schema};
use serde_json::{Map, Value, json};

use super::document::Document;

/// The schema of a policy file, JSON Schema draft 2020-12.
pub fn schema() -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let root = Document::json_schema(&mut generator);
    let mut schema = Map::new();
    schema.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    schema.insert("title".to_owned(), json!("Portcullis policy"));
    schema.extend(root.as_object().cloned().unwrap_or_default());
    schema.insert("$defs".to_owned(), Value::Object(generator.take_definitions(true)));
    Value::Object(schema)
}

/// An object schema in the making.
pub(super) struct Object {
    about: String,
    properties: Map<String, Value>,
    required: Vec<&'static str>,
}

impl Object {
    pub(super) fn new(about: &str) -> Self {
        let description = json!({ "type": "string", "description": "What it is for, in the author's words." });
        let properties = Map::from_iter([("description".to_owned(), description)]);
        Self { about: sentence(about), properties, required: Vec::new() }
    }

    pub(super) fn property(&mut self, key: &'static str, about: &str, schema: Schema, required: bool) {
        let mut schema = schema.to_value();
        if let Some(schema) = schema.as_object_mut() {
            schema.insert("description".to_owned(), json!(sentence(about)));
        }
        self.properties.insert(key.to_owned(), schema);
        if required {
            self.required.push(key);
        }
    }

    pub(super) fn finish(self) -> Schema {
        json_schema!({
            "type": "object",
            "description": self.about,
            "properties": self.properties,
            "required": self.required,
            "additionalProperties": false,
        })
    }
}

/// The text of doc comments, which come one a line with a space before each.
fn sentence(doc: &str) -> String {
    doc.trim().to_owned()
}
