//! Answers that are tables: CSV and XLSX.

use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::problem::Problem;
use crate::import::{write_csv, write_xlsx};
use crate::problem::none_of;
use crate::task::blocking;

/// How a table is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Format {
    Csv,
    Xlsx,
}

impl Format {
    /// The format of a name; `json`, or no name, is none of a table.
    pub(super) fn of(name: Option<&str>) -> Result<Option<Self>, Problem> {
        let Some(name) = name.filter(|name| *name != "json") else {
            return Ok(None);
        };
        Self::named(name).map(Some).ok_or_else(|| {
            let message = none_of(name, "format", ["json", "csv", "xlsx"].into_iter());
            Problem::bad_request(format!("format: {message}"))
        })
    }

    /// The format of that name.
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "csv" => Some(Self::Csv),
            "xlsx" => Some(Self::Xlsx),
            _ => None,
        }
    }

    /// The table as a file; `name` is that of the file that it comes from, without its ending.
    pub(super) async fn answer(
        self,
        name: &str,
        rows: Vec<Vec<String>>,
    ) -> Result<Response, Problem> {
        let written = blocking(move || match self {
            Self::Csv => Ok(write_csv(&rows)),
            Self::Xlsx => write_xlsx(&rows).map_err(|error| error.to_string()),
        });
        let body = written.await.map_err(Problem::internal)?;
        let (kind, ending) = match self {
            Self::Csv => ("text/csv; charset=utf-8", "csv"),
            Self::Xlsx => (XLSX, "xlsx"),
        };
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        // RFC 8187: any name, in signs that a header may have.
        let stem = percent_encoding::utf8_percent_encode(stem, percent_encoding::NON_ALPHANUMERIC);
        let file = format!("attachment; filename*=UTF-8''{stem}.{ending}");
        let headers = [
            (header::CONTENT_TYPE, kind.to_owned()),
            (header::CONTENT_DISPOSITION, file),
        ];
        Ok((headers, body).into_response())
    }
}

const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
