//! What the objects of JSON lines have in common: fields in the order in which they first occur, and a type for each.

use super::{named, stream};
use crate::batch::source::Source;
use crate::{Cancel, Error, ErrorKind, Result};
use arrow_schema::{DataType, Field, Fields, Schema};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use std::fmt;
use std::io::BufRead;
use std::sync::Arc;

/// Objects that go deeper are no rows.
const MAX_DEPTH: usize = 32;

/// The most fields that the objects of one place have in all: they become columns.
const MAX_FIELDS: usize = 4096;

/// What some values have in common. The first one that is a list or an object, or is none, decides between these.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) enum Shape {
    /// Nothing, or null.
    #[default]
    Null,
    Boolean,
    Integer,
    Float,
    /// Text, or values that are unlike.
    Text,
    List(Box<Shape>),
    Object(Vec<(String, Shape)>),
}

/// The columns of all `sources`. Lines that are no objects do not matter: they are at fault when they are read.
pub(super) fn schema(sources: &[Source], cancel: &Cancel) -> Result<Schema> {
    let mut shape = Shape::Object(Vec::new());
    for source in sources {
        scan(source, &mut shape, cancel).map_err(|e| named(e, source))?;
    }
    match shape {
        Shape::Object(fields) if !fields.is_empty() => Ok(Schema::new(to_fields(&fields))),
        _ => Err(Error::new(ErrorKind::Input, "no line is a JSON object with fields")
            .at(&sources[0].known.path)
            .remedy("write one JSON object a line, or say another --format")),
    }
}

fn scan(source: &Source, shape: &mut Shape, cancel: &Cancel) -> Result<()> {
    let (mut input, _) = stream::open(source, 0)?;
    let (mut line, mut first) = (Vec::new(), true);
    loop {
        cancel.check()?;
        line.clear();
        // One that is too long is cut into pieces that are no objects.
        let mut limited = std::io::Read::take(&mut input, super::MAX_RECORD as u64 + 1);
        if limited.read_until(b'\n', &mut line).map_err(|e| Error::io(&source.known.path, e))? == 0 {
            return Ok(());
        }
        let bytes = if first { line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&line) } else { &line };
        first = false;
        // A line at fault must leave no field behind.
        if let Some(text) = std::str::from_utf8(bytes).ok().filter(|text| Shape::default().read(text).is_ok()) {
            shape.read(text).map_err(|e| {
                let remedy =
                    "objects whose fields are names of things cannot be columns: write lists of name and value";
                Error::new(ErrorKind::Limit, e.to_string()).at("all lines together").remedy(remedy)
            })?;
        }
    }
}

fn to_fields(fields: &[(String, Shape)]) -> Fields {
    fields.iter().map(|(name, shape)| Field::new(name, shape.data_type(), true)).collect()
}

impl Shape {
    /// Takes the object in `text` in.
    pub fn read(&mut self, text: &str) -> std::result::Result<(), serde_json::Error> {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        Seed { shape: self, depth: 0 }.deserialize(&mut deserializer)?;
        deserializer.end()
    }

    fn data_type(&self) -> DataType {
        match self {
            Self::Null | Self::Text => DataType::Utf8,
            Self::Boolean => DataType::Boolean,
            Self::Integer => DataType::Int64,
            Self::Float => DataType::Float64,
            Self::List(item) => DataType::List(Arc::new(Field::new("item", item.data_type(), true))),
            Self::Object(fields) => DataType::Struct(to_fields(fields)),
        }
    }

    /// Takes a scalar in.
    fn meet(&mut self, other: Self) {
        match (&*self, &other) {
            (Self::Null, _) => *self = other,
            (Self::List(_) | Self::Object(_), _) | (_, Self::Null) => {}
            (mine, theirs) if mine == theirs => {}
            (Self::Integer, Self::Float) | (Self::Float, Self::Integer) => *self = Self::Float,
            _ => *self = Self::Text,
        }
    }
}

/// Reads a value into a shape.
struct Seed<'a> {
    shape: &'a mut Shape,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Seed<'_> {
    fn scalar<E: serde::de::Error>(self, shape: Shape) -> std::result::Result<(), E> {
        if self.depth == 0 {
            return Err(E::custom("no object"));
        }
        self.shape.meet(shape);
        Ok(())
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: serde::de::Error>(self) -> std::result::Result<(), E> {
        self.scalar(Shape::Null)
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> std::result::Result<(), E> {
        self.scalar(Shape::Boolean)
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> std::result::Result<(), E> {
        self.scalar(Shape::Integer)
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> std::result::Result<(), E> {
        // As text it keeps its digits.
        self.scalar(if i64::try_from(value).is_ok() { Shape::Integer } else { Shape::Text })
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> std::result::Result<(), E> {
        self.scalar(Shape::Float)
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> std::result::Result<(), E> {
        self.scalar(Shape::Text)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> std::result::Result<(), A::Error> {
        if self.depth == 0 {
            return Err(A::Error::custom("no object"));
        }
        if self.depth > MAX_DEPTH {
            return Err(A::Error::custom(format!("more than {MAX_DEPTH} lists and objects in each other")));
        }
        let mut aside = Shape::Null;
        if *self.shape == Shape::Null {
            *self.shape = Shape::List(Box::default());
        }
        let shape = if let Shape::List(item) = self.shape { &mut **item } else { &mut aside };
        while items.next_element_seed(Seed { shape, depth: self.depth + 1 })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> std::result::Result<(), A::Error> {
        if self.depth > MAX_DEPTH {
            return Err(A::Error::custom(format!("more than {MAX_DEPTH} lists and objects in each other")));
        }
        let mut aside = Vec::new();
        if *self.shape == Shape::Null {
            *self.shape = Shape::Object(Vec::new());
        }
        let fields = if let Shape::Object(fields) = self.shape { fields } else { &mut aside };
        let mut seen = Vec::new();
        while let Some(name) = entries.next_key::<String>()? {
            let index = fields.iter().position(|(field, _)| *field == name).unwrap_or(fields.len());
            if seen.contains(&index) {
                return Err(A::Error::custom(format!("the field {name:?} stands twice")));
            }
            seen.push(index);
            if index == MAX_FIELDS {
                return Err(A::Error::custom(format!("more than {MAX_FIELDS} different fields")));
            }
            if index == fields.len() {
                fields.push((name, Shape::Null));
            }
            entries.next_value_seed(Seed { shape: &mut fields[index].1, depth: self.depth + 1 })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(lines: &[&str]) -> Shape {
        let mut shape = Shape::Object(Vec::new());
        for line in lines {
            shape.read(line).unwrap_or_else(|e| panic!("{line}: {e}"));
        }
        shape
    }

    fn types(lines: &[&str]) -> String {
        let Shape::Object(fields) = shape(lines) else { panic!("no object") };
        let show = |(name, shape): &(String, Shape)| format!("{name}: {}", shape.data_type());
        fields.iter().map(show).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn fields_keep_their_order_and_find_their_type() {
        assert_eq!(types(&[r#"{"z": 1, "a": "x"}"#, r#"{"b": null, "a": null}"#]), "z: Int64; a: Utf8; b: Utf8");
        assert_eq!(types(&[r#"{"n": 1}"#, r#"{"n": 2.5}"#, r#"{"n": null}"#]), "n: Float64");
        assert_eq!(types(&[r#"{"n": 1}"#, r#"{"n": true}"#]), "n: Utf8");
        assert_eq!(types(&[r#"{"n": 18446744073709551615}"#]), "n: Utf8");
        assert_eq!(types(&[r#"{"w": ["a"]}"#, r#"{"w": []}"#]), types(&[r#"{"w": []}"#, r#"{"w": ["a"]}"#]));
        // The first one decides what is a list.
        assert_eq!(types(&[r#"{"n": "x"}"#, r#"{"n": [1]}"#]), "n: Utf8");
        assert_eq!(shape(&[r#"{"o": {"y": 1}}"#, r#"{"o": {"x": true}}"#]), {
            let inner = vec![("y".to_string(), Shape::Integer), ("x".to_string(), Shape::Boolean)];
            Shape::Object(vec![("o".to_string(), Shape::Object(inner))])
        });
    }

    #[test]
    fn fields_without_an_end_are_refused() {
        let mut shape = Shape::Object(Vec::new());
        let object = |names: std::ops::Range<usize>| {
            let fields: Vec<String> = names.map(|n| format!("\"f{n}\":1")).collect();
            format!("{{\"o\":{{{}}}}}", fields.join(","))
        };
        shape.read(&object(0..MAX_FIELDS)).unwrap();
        shape.read(&object(5..9)).unwrap();
        let error = shape.read(&object(MAX_FIELDS..MAX_FIELDS + 1)).unwrap_err().to_string();
        assert!(error.contains("more than 4096 different fields"), "{error}");
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for (line, says) in [
            ("[1]", "no object"),
            ("3", "no object"),
            ("null", "no object"),
            (r#"{"a": 1} {"#, "trailing"),
            (r#"{"a": 1, "a": 2}"#, "twice"),
            (r#"{"o": {"a": 1, "a": 2}}"#, "twice"),
            (r#"{"a""#, "EOF"),
        ] {
            let error = Shape::default().read(line).unwrap_err().to_string();
            assert!(error.contains(says), "{line}: {error}");
        }
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(40), "]".repeat(40));
        assert!(Shape::default().read(&deep).unwrap_err().to_string().contains("more than 32"));
    }
}
