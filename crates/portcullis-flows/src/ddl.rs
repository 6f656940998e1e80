//! The same questions asked of Amazon Athena: a table over flow logs in S3, and named queries.
//!
//! The table has partition projection: Athena works out from the query which folders to read, and nobody has to tell it of
//! new ones (Amazon Athena User Guide, "Partition projection with Amazon Athena"). The queries' common part is SQL that
//! DuckDB runs too, which is how they are compared with our own answers.

use std::fmt::Write as _;

use crate::attributed::FIELDS;
use crate::columns::Columns;
use crate::field::{Field, Kind};

/// How keys are made of account, Region and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// `AWSLogs/ACCOUNT/vpcflowlogs/REGION/YYYY/MM/DD/`
    Plain,
    /// The same with a folder an hour.
    Hourly,
    /// `AWSLogs/aws-account-id=…/aws-service=vpcflowlogs/aws-region=…/year=…/month=…/day=…/`
    Hive,
    /// The same with a folder an hour.
    HiveHourly,
}

/// What the objects hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Text in gzip.
    Text,
    /// Parquet.
    Parquet,
}

/// What a table is made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// The bucket and what stands before `AWSLogs/`.
    pub location: String,
    /// How keys are made.
    pub layout: Layout,
    /// What objects hold.
    pub form: Form,
    /// The columns, in their order; for Parquet the order means nothing.
    pub columns: Columns,
    /// Accounts to look into; any that a query names where empty.
    pub accounts: Vec<String>,
    /// Regions to look into; likewise.
    pub regions: Vec<String>,
    /// The first day with logs, `YYYY-MM-DD`.
    pub from: String,
}

/// A query with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedQuery {
    /// Its name.
    pub name: &'static str,
    /// What it answers.
    pub about: &'static str,
    /// The SQL.
    pub sql: String,
}

/// The name of a column, its type, and the properties of its projection.
type Partition = (&'static str, &'static str, Vec<(&'static str, String)>);

impl Table {
    /// The statement that makes the table.
    pub fn create(&self) -> String {
        let columns: Vec<String> =
            self.columns.fields().iter().map(|field| format!("  `{}` {}", field.key(), kind(field))).collect();
        let mut sql = format!("CREATE EXTERNAL TABLE IF NOT EXISTS `{}` (\n{}\n)\n", self.name, columns.join(",\n"));
        let partitions: Vec<String> =
            self.partitions().iter().map(|(name, kind, _)| format!("  `{name}` {kind}")).collect();
        let _ = writeln!(sql, "PARTITIONED BY (\n{}\n)", partitions.join(",\n"));
        let folder = format!("{}/AWSLogs/", self.location.trim_end_matches('/'));
        let (format, header) = match self.form {
            Form::Text => (
                "ROW FORMAT DELIMITED FIELDS TERMINATED BY ' '\n  NULL DEFINED AS '-'\n",
                "  'skip.header.line.count'='1',\n",
            ),
            Form::Parquet => (
                "ROW FORMAT SERDE 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe'\n\
                 STORED AS INPUTFORMAT 'org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat'\n\
                 OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat'\n",
                "",
            ),
        };
        let _ = write!(sql, "{format}LOCATION '{folder}'\nTBLPROPERTIES (\n{header}  'EXTERNAL'='TRUE',\n");
        let _ = writeln!(sql, "  'projection.enabled'='true',");
        for (name, _, properties) in self.partitions() {
            for (key, value) in properties {
                let _ = writeln!(sql, "  'projection.{name}.{key}'='{value}',");
            }
        }
        let _ = write!(sql, "  'storage.location.template'='{folder}{}'\n)", self.template());
        sql
    }

    /// The partition columns: name, type, and how Athena works out their values.
    fn partitions(&self) -> Vec<Partition> {
        let listed = |values: &[String]| match values {
            // Without a list a query has to say which, and Athena then takes any.
            [] => vec![("type", "injected".to_owned())],
            values => vec![("type", "enum".to_owned()), ("values", values.join(","))],
        };
        let mut partitions =
            vec![("aws_account", "string", listed(&self.accounts)), ("aws_region", "string", listed(&self.regions))];
        let year: u16 = self.from.get(..4).and_then(|year| year.parse().ok()).unwrap_or(2015);
        let date = |format: &str, unit: &str| {
            let from = self.from.replace('-', "/");
            let from = if unit == "HOURS" { format!("{from}/00") } else { from };
            vec![
                ("type", "date".to_owned()),
                ("format", format.to_owned()),
                ("range", format!("{from},NOW")),
                ("interval", "1".to_owned()),
                ("interval.unit", unit.to_owned()),
            ]
        };
        let number = |range: String, digits: &str| {
            vec![("type", "integer".to_owned()), ("range", range), ("digits", digits.to_owned())]
        };
        match self.layout {
            Layout::Plain => partitions.push(("day", "string", date("yyyy/MM/dd", "DAYS"))),
            Layout::Hourly => partitions.push(("hour", "string", date("yyyy/MM/dd/HH", "HOURS"))),
            Layout::Hive | Layout::HiveHourly => {
                partitions.push(("year", "string", number(format!("{year},{}", year + 20), "4")));
                partitions.push(("month", "string", number("1,12".to_owned(), "2")));
                partitions.push(("day", "string", number("1,31".to_owned(), "2")));
            }
        }
        if self.layout == Layout::HiveHourly {
            partitions.push(("hour", "string", number("0,23".to_owned(), "2")));
        }
        partitions
    }

    fn template(&self) -> &'static str {
        match self.layout {
            Layout::Plain => "${aws_account}/vpcflowlogs/${aws_region}/${day}",
            Layout::Hourly => "${aws_account}/vpcflowlogs/${aws_region}/${hour}",
            Layout::Hive => {
                "aws-account-id=${aws_account}/aws-service=vpcflowlogs/aws-region=${aws_region}/\
                 year=${year}/month=${month}/day=${day}"
            }
            Layout::HiveHourly => {
                "aws-account-id=${aws_account}/aws-service=vpcflowlogs/aws-region=${aws_region}/\
                 year=${year}/month=${month}/day=${day}/hour=${hour}"
            }
        }
    }

    /// The queries: the digest, and what `usage` and `risk` are worked out from. Those whose fields the table lacks are
    /// left out.
    pub fn queries(&self) -> Vec<NamedQuery> {
        let has = |name: &str| self.columns.position(name).is_some();
        let group = |keys: &[&str], accepted: bool| {
            let keys: Vec<String> = keys.iter().filter(|key| has(key)).map(|key| key.replace('-', "_")).collect();
            let names: Vec<String> = keys.iter().map(|key| format!("\"{key}\"")).collect();
            let mut conditions = vec!["COALESCE(\"log_status\", 'OK') = 'OK'"];
            conditions.retain(|_| has("log-status"));
            if accepted && has("action") {
                conditions.push("\"action\" = 'ACCEPT'");
            }
            let condition =
                if conditions.is_empty() { String::new() } else { format!("\nWHERE {}", conditions.join(" AND ")) };
            let sums: Vec<String> = [
                ("packets", "SUM", "packets"),
                ("bytes", "SUM", "bytes"),
                ("start", "MIN", "first"),
                ("end", "MAX", "last"),
            ]
            .into_iter()
            .filter(|(field, _, _)| has(field))
            .map(|(field, sum, name)| format!(",\n       {sum}(\"{field}\") AS \"{name}\""))
            .collect();
            let ties: Vec<String> = names.iter().map(|name| format!("{name} NULLS LAST")).collect();
            format!(
                "SELECT {names},\n       COUNT(*) AS \"flows\"{}\nFROM \"{}\"{condition}\nGROUP BY {}\nORDER BY \"flows\" DESC, {}",
                sums.concat(),
                self.name,
                names.join(", "),
                ties.join(", "),
                names = names.join(", "),
            )
        };
        let flows: Vec<&str> = FIELDS.into_iter().filter(|name| *name != "action").collect();
        vec![
            NamedQuery {
                name: "digest",
                about: "who connects to whom, most often first: `portcullis flows digest`",
                sql: group(&["srcaddr", "dstaddr", "action"], false),
            },
            NamedQuery {
                name: "usage",
                about: "accepted flows by interface: what `portcullis flows usage` puts down to rules",
                sql: group(&flows, true),
            },
            NamedQuery {
                name: "risk",
                about: "accepted flows by service: what `portcullis flows risk` holds against a change",
                sql: group(&["srcaddr", "dstaddr", "dstport", "protocol", "interface-id", "flow-direction"], true),
            },
        ]
    }
}

/// A field's type in Athena, as AWS's Parquet has it (Amazon VPC User Guide, "Flow log records").
fn kind(field: &Field) -> &'static str {
    match field.kind() {
        Kind::Number { most } if most > u64::from(u32::MAX) => "bigint",
        Kind::Number { .. } => "int",
        _ => "string",
    }
}
