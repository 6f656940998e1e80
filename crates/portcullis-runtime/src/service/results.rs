//! What is kept of a scan: its report in each format, what was done, and a page of history, all on S3.

use jiff::Timestamp;
use portcullis_cloud::stores::{Folder, StoreError};
use portcullis_core::finding::Evaluation;
use portcullis_core::model::Inventory;
use portcullis_report::{Format, Report, Terminal};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{PATIENCE, ScanOutcome, Service, ServiceError, s3_folder, s3_location};

/// The form of what is written here beside reports.
const SCHEMA_VERSION: &str = "1";
/// The formats that are kept: how their names end, and their media types.
const FORMATS: [(Format, &str, &str); 3] = [
    (Format::Json, "json", "application/json"),
    (Format::Csv, "csv", "text/csv; charset=utf-8"),
    (Format::Markdown, "md", "text/markdown; charset=utf-8"),
];

impl From<StoreError> for ServiceError {
    fn from(error: StoreError) -> Self {
        Self::Incomplete(error.to_string())
    }
}

/// One scan among all that were.
#[derive(Serialize)]
struct Page<'a> {
    schema_version: &'static str,
    run: &'a str,
    scanned_at: Timestamp,
    accounts: usize,
    unread: usize,
    changed: usize,
    summary: Value,
    reports: &'a [String],
}

/// What a report in JSON says at its head.
#[derive(Deserialize)]
struct Head {
    summary: Value,
}

impl Service {
    /// Where reports are kept; `None` where no place is named.
    ///
    /// # Errors
    /// Where that is no place on S3.
    pub(super) fn reports(&self) -> Result<Option<Folder>, ServiceError> {
        let places = &self.settings.places;
        let Some(place) = places.reports.as_deref() else { return Ok(None) };
        let Some(location) = s3_location(place, "PORTCULLIS_REPORTS")? else {
            return Err(ServiceError::Input(format!("`{place}`: `s3://BUCKET/PREFIX` is expected")));
        };
        s3_folder(&self.cloud, &self.handle, location, places.kms_key.as_deref(), PATIENCE).map(Some)
    }

    /// Keeps what a run found, by day, and answers where.
    ///
    /// # Errors
    /// Where something could not be written.
    pub(super) fn keep_reports(
        &self,
        run: &str,
        inventory: &Inventory,
        evaluation: &Evaluation,
        outcome: Option<&ScanOutcome>,
        at: Timestamp,
    ) -> Result<Vec<String>, ServiceError> {
        let Some(folder) = self.reports()? else { return Ok(Vec::new()) };
        let report = Report::new(inventory, &self.settings.policies, evaluation, at, &self.settings.tool_version);
        let name = format!("{}-{run}", at.strftime("%Y-%m-%d/%H%M%SZ"));
        let (mut places, mut summary) = (Vec::new(), Value::Null);
        let mut keep = |name: String, bytes: &[u8], media: &str| -> Result<(), ServiceError> {
            self.handle.block_on(folder.create(&name, bytes, media))?;
            places.push(folder.place(&name));
            Ok(())
        };
        for (format, ending, media) in FORMATS {
            let mut bytes = Vec::new();
            let rendered = format.render(&report, Terminal::PLAIN, &mut bytes);
            rendered.map_err(|error| ServiceError::Incomplete(error.to_string()))?;
            if format == Format::Json {
                summary = serde_json::from_slice::<Head>(&bytes).map(|head| head.summary).unwrap_or_default();
            }
            keep(format!("{name}.{ending}"), &bytes, media)?;
        }
        if let Some(outcome) = outcome {
            keep(format!("{name}-actions.json"), &json(outcome)?, "application/json")?;
        }
        let mut accounts: Vec<_> = evaluation.coverage.iter().map(|row| &row.account_id).collect();
        accounts.dedup();
        let page = Page {
            schema_version: SCHEMA_VERSION,
            run,
            scanned_at: at,
            accounts: accounts.len(),
            unread: evaluation.coverage.iter().filter(|row| row.status.is_unread()).count(),
            changed: outcome.map_or(0, ScanOutcome::changed),
            summary,
            reports: &places,
        };
        let history = format!("history/{}-{run}.json", at.strftime("%Y-%m/%dT%H%M%SZ"));
        self.handle.block_on(folder.create(&history, &json(&page)?, "application/json"))?;
        Ok(places)
    }
}

pub(super) fn json(value: &impl Serialize) -> Result<Vec<u8>, ServiceError> {
    serde_json::to_vec(value).map_err(|error| ServiceError::Incomplete(error.to_string()))
}
