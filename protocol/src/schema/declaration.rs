use serde_json::Value;

/// One type as a TypeScript declaration: an interface for an object with fields, an alias for everything else.
pub(super) fn declaration(name: &str, schema: &Value) -> String {
    let comment = comment("", schema);
    match fields(schema) {
        Some(fields) if fields.is_empty() => format!("{comment}export interface {name} {{}}\n"),
        Some(fields) => {
            let fields: String = fields.iter().map(|field| field.print("  ")).collect();
            format!("{comment}export interface {name} {{\n{fields}}}\n")
        }
        None => format!("{comment}export type {name} = {};\n", type_of(schema)),
    }
}

/// One field of an interface.
pub(super) struct Field<'a> {
    pub(super) name: &'a str,
    schema: &'a Value,
    required: bool,
}

impl Field<'_> {
    /// The field with its comment, as it is in the schema.
    pub(super) fn print(&self, indent: &str) -> String {
        self.print_as(indent, &type_of(self.schema), self.required)
    }

    /// The field with its comment, but of this type.
    pub(super) fn print_as(&self, indent: &str, type_text: &str, required: bool) -> String {
        let mark = if required { "" } else { "?" };
        format!("{}{indent}{}{mark}: {type_text};\n", comment(indent, self.schema), self.name)
    }
}

/// The fields of an object, the required ones first, in the order of the Rust type.
pub(super) fn fields(schema: &Value) -> Option<Vec<Field<'_>>> {
    if schema.get("type")? != "object" || schema.get("additionalProperties").is_some() {
        return None;
    }
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    let place = |name: &str| required.iter().position(|known| *known == name).unwrap_or(required.len());
    let mut fields: Vec<Field<'_>> = properties
        .map(|(name, schema)| Field { name, schema, required: place(name) < required.len() })
        .collect();
    fields.sort_by_key(|field| place(field.name));
    Some(fields)
}

/// The TypeScript type of a schema, in one line.
///
/// `null` beside another type is left out: a field that may be null may also be absent, and is when written here.
/// Only where null is what is written (it is the schema's default) it stays.
pub(super) fn type_of(schema: &Value) -> String {
    if let Some(text) = schema.get("tsType").and_then(Value::as_str) {
        return text.to_owned();
    }
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        return reference.rsplit('/').next().unwrap_or(reference).to_owned();
    }
    if let Some(constant) = schema.get("const") {
        return constant.to_string();
    }
    if let Some(choices) = ["anyOf", "oneOf"].iter().find_map(|key| schema.get(key)?.as_array()) {
        let choices: Vec<String> = choices.iter().map(type_of).filter(|choice| choice != "null").collect();
        return choices.join(" | ");
    }
    match schema.get("type") {
        Some(Value::Array(choices)) => {
            let nullable = schema.get("default") == Some(&Value::Null);
            let choices =
                choices.iter().filter_map(Value::as_str).filter(|choice| nullable || *choice != "null");
            choices.map(|choice| simple(choice, schema)).collect::<Vec<_>>().join(" | ")
        }
        Some(Value::String(choice)) => simple(choice, schema),
        _ => "unknown".to_owned(),
    }
}

fn simple(name: &str, schema: &Value) -> String {
    match name {
        "integer" | "number" => "number".to_owned(),
        "string" => known_texts(schema),
        "array" => format!("Array<{}>", schema.get("items").map_or_else(|| "unknown".to_owned(), type_of)),
        "object" => match schema.get("additionalProperties") {
            Some(values) => format!("{{ [key: string]: {} }}", type_of(values)),
            None => "Record<string, unknown>".to_owned(),
        },
        other => other.to_owned(),
    }
}

/// A text with examples is one of them or, later, another: editors offer the known ones, the compiler takes all.
fn known_texts(schema: &Value) -> String {
    match schema.get("examples").and_then(Value::as_array) {
        Some(examples) => {
            let known: Vec<String> = examples.iter().map(Value::to_string).collect();
            format!("{} | (string & {{}})", known.join(" | "))
        }
        None => "string".to_owned(),
    }
}

/// The description as a doc comment; nothing where there is none.
pub(super) fn comment(indent: &str, schema: &Value) -> String {
    let text = schema.get("description").and_then(Value::as_str).unwrap_or_default().replace("*/", "* /");
    let lines: Vec<&str> = text.lines().collect();
    match lines.as_slice() {
        [] => String::new(),
        [line] => format!("{indent}/** {line} */\n"),
        lines => {
            let lines: String =
                lines.iter().map(|line| format!("{indent} * {line}").trim_end().to_owned() + "\n").collect();
            format!("{indent}/**\n{lines}{indent} */\n")
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_schema_has_its_type() {
        for (schema, expected) in [
            (json!(true), "unknown"),
            (json!({}), "unknown"),
            (json!({ "type": "integer", "format": "uint64" }), "number"),
            (json!({ "type": ["string", "null"] }), "string"),
            (json!({ "type": ["string", "null"], "default": null }), "string | null"),
            (json!({ "type": "string", "examples": ["A", "B"] }), r#""A" | "B" | (string & {})"#),
            (json!({ "$ref": "#/$defs/Tag" }), "Tag"),
            (json!({ "anyOf": [{ "$ref": "#/$defs/Tag" }, { "type": "null" }] }), "Tag"),
            (json!({ "oneOf": [{ "const": "a" }, { "const": "b" }] }), r#""a" | "b""#),
            (json!({ "type": "array", "items": { "type": "string" } }), "Array<string>"),
            (
                json!({ "type": "object", "additionalProperties": { "type": "boolean" } }),
                "{ [key: string]: boolean }",
            ),
            (json!({ "type": "string", "tsType": "`job:${string}`" }), "`job:${string}`"),
        ] {
            assert_eq!(type_of(&schema), expected, "{schema}");
        }
    }

    #[test]
    fn required_fields_come_first_in_their_order() {
        let schema = json!({
            "type": "object", "description": "One\n\ntwo */.", "required": ["z", "a"],
            "properties": { "a": { "type": "string" }, "b": true, "z": { "type": "number", "description": "Zed." } },
        });
        let expected = "/**\n * One\n *\n * two * /.\n */\nexport interface T {\n  /** Zed. */\n  z: number;\n  a: string;\n  b?: unknown;\n}\n";
        assert_eq!(declaration("T", &schema), expected);
    }
}
