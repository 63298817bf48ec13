//! The headers of an export request: names in clear, values secret, each value written down or in a file of its own.

use std::fs;

use axum::http::{HeaderName, HeaderValue};
use secrecy::SecretString;

use super::fault::Report;
use super::section::Section;

/// Reads `headers` and `headers_files`; names come out in lower case, as gRPC wants them.
pub(super) fn read(section: &mut Section, report: &mut Report) -> Vec<(String, SecretString)> {
    let mut headers: Vec<(String, SecretString)> = Vec::new();
    let written = section.texts(report, "headers").into_iter().map(|(name, value)| ("headers", name, Ok(value)));
    let written: Vec<_> = written.collect();
    let files = section.texts(report, "headers_files").into_iter().map(|(name, file)| {
        let value = fs::read_to_string(&file).map_err(|error| format!("{file} cannot be read: {error}"));
        ("headers_files", name, value)
    });
    for (key, name, value) in written.into_iter().chain(files) {
        let place = format!("{}.{name}", section.place(key));
        let header = value.and_then(|value| header(&name, value.trim()));
        match header {
            Err(sentence) => report.fault(place, sentence),
            Ok((name, _)) if headers.iter().any(|(known, _)| *known == name) => {
                report.fault(place, "is given twice; names that differ in case alone are one name");
            }
            Ok(header) => headers.push(header),
        }
    }
    headers
}

fn header(name: &str, value: &str) -> Result<(String, SecretString), String> {
    let name = HeaderName::try_from(name).map_err(|_| "is no name that a header can have")?;
    if value.is_empty() {
        return Err("is empty".into());
    }
    HeaderValue::from_str(value).map_err(|_| "holds a character that no header value can hold")?;
    Ok((name.as_str().to_owned(), SecretString::from(value)))
}
