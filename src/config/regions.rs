//! Names of administrative divisions, from a GeoJSON file whose features have `code` and `name`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::catalog::pad_civil_code;

#[derive(Deserialize)]
struct Collection {
    features: Vec<Feature>,
}

#[derive(Deserialize)]
struct Feature {
    properties: Properties,
}

#[derive(Deserialize)]
struct Properties {
    code: String,
    name: String,
}

/// Reads the names by code; divisions below a town have longer codes, which no tree has.
pub(super) fn read(path: &Path) -> Result<BTreeMap<String, String>, String> {
    let shown = path.display();
    let length = std::fs::metadata(path)
        .map_err(|error| format!("{shown}: {error}"))?
        .len();
    if length > BYTES_MAX {
        return Err(format!("{shown} is larger than {} MiB", BYTES_MAX >> 20));
    }
    let text = std::fs::read_to_string(path).map_err(|error| format!("{shown}: {error}"))?;
    let collection: Collection = serde_json::from_str(&text).map_err(|error| {
        format!("{shown} is no GeoJSON of divisions with code and name: {error}")
    })?;
    let names = collection
        .features
        .into_iter()
        .map(|feature| feature.properties);
    let divisions = names.filter(|division| pad_civil_code(&division.code).is_some());
    Ok(divisions
        .map(|division| (division.code, division.name))
        .collect())
}

const BYTES_MAX: u64 = 32 << 20;
