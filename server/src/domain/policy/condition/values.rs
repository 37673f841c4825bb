//! JSON as CEL sees it. Whole numbers are `int`, as people write them in
//! conditions; only those beyond its range stay `uint`.

use std::collections::HashMap;
use std::sync::Arc;

use cel::Value as CelValue;
use cel::common::value::{CowVal, Val};
use serde_json::{Map, Value};

/// An object.
pub(super) fn object(map: &Map<String, Value>) -> CelValue {
    let fields: HashMap<String, CelValue> =
        map.iter().map(|(name, value)| (name.clone(), convert(value))).collect();
    CelValue::Map(fields.into())
}

/// Any value.
pub(super) fn convert(value: &Value) -> CelValue {
    match value {
        Value::Null => CelValue::Null,
        Value::Bool(value) => CelValue::Bool(*value),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(int), _) => CelValue::Int(int),
            (None, Some(uint)) => CelValue::UInt(uint),
            (None, None) => CelValue::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => CelValue::from(text.as_str()),
        Value::Array(items) => CelValue::List(Arc::new(items.iter().map(convert).collect())),
        Value::Object(map) => object(map),
    }
}

/// Names, as a list.
pub(super) fn names<'n>(names: impl Iterator<Item = &'n str>) -> CelValue {
    CelValue::List(Arc::new(names.map(CelValue::from).collect()))
}

/// Values that never change, ready for conditions.
#[derive(Debug)]
pub(in super::super) struct Constants(Option<Box<dyn Val>>);

impl Constants {
    /// Makes them ready.
    pub(in super::super) fn new(map: &Map<String, Value>) -> Self {
        Self(object(map).try_into().ok())
    }

    /// The map of them.
    pub(super) fn value(&self) -> Option<CowVal<'_, '_>> {
        self.0.as_deref().map(CowVal::Borrowed)
    }
}
