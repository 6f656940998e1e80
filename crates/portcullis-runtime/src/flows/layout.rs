//! What a key of a flow log's object tells: whose it is, from where, and when.
//!
//! The four layouts (Amazon VPC User Guide, "Publish flow logs to Amazon S3"), below any prefix:
//!
//! ```text
//! AWSLogs/ACCOUNT/vpcflowlogs/REGION/YYYY/MM/DD/[HH/]…
//! AWSLogs/aws-account-id=ACCOUNT/aws-service=vpcflowlogs/aws-region=REGION/year=YYYY/month=MM/day=DD/[hour=HH/]…
//! ```

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};

use super::Wanted;

/// How much later an object may be written than its records began, and how much earlier it may say it was.
const SLACK: SignedDuration = SignedDuration::from_hours(24);

/// How what lies below a folder relates to what is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    /// Nothing below it is wanted.
    Outside,
    /// All of it is, as far as keys can tell.
    Inside,
    /// Some may be.
    Partly,
}

/// Tells it of a folder or an object by its key.
pub(super) fn relation(key: &str, wanted: &Wanted) -> Relation {
    let mut parts = key.split('/').filter(|part| !part.is_empty());
    let limits_place = !wanted.accounts.is_empty() || !wanted.regions.is_empty();
    let limits_time = wanted.since.is_some() || wanted.until.is_some();
    let open = if limits_place || limits_time { Relation::Partly } else { Relation::Inside };
    if !parts.any(|part| part == "AWSLogs") {
        return open;
    }
    let mut part = |name: &str| {
        let part = parts.next()?;
        Some(part.strip_prefix(name).and_then(|rest| rest.strip_prefix('=')).unwrap_or(part))
    };
    let among = |list: &[String], value: &str| list.is_empty() || list.iter().any(|wanted| wanted == value);
    let Some(account) = part("aws-account-id") else { return Relation::Partly };
    if !among(&wanted.accounts, account) {
        return Relation::Outside;
    }
    // Other services keep their logs beside these.
    let Some(service) = part("aws-service") else { return Relation::Partly };
    if service != "vpcflowlogs" {
        return Relation::Outside;
    }
    let Some(region) = part("aws-region") else {
        return if wanted.regions.is_empty() && !limits_time { Relation::Inside } else { Relation::Partly };
    };
    if !among(&wanted.regions, region) {
        return Relation::Outside;
    }
    if !limits_time {
        return Relation::Inside;
    }
    let Some(year) = part("year") else { return Relation::Partly };
    let Ok(year) = year.parse::<i16>() else { return Relation::Partly };
    let month = part("month").and_then(|month| month.parse::<i8>().ok());
    let day = month.and_then(|_| part("day")).and_then(|day| day.parse::<i8>().ok());
    span(year, month, day).map_or(Relation::Partly, |(from, to)| within(from, to, wanted))
}

/// The time that a year, a month or a day spans.
fn span(year: i16, month: Option<i8>, day: Option<i8>) -> Option<(Timestamp, Timestamp)> {
    let first = Date::new(year, month.unwrap_or(1), day.unwrap_or(1)).ok()?;
    let length = match (month, day) {
        (_, Some(_)) => 1.day(),
        (Some(_), None) => 1.month(),
        (None, None) => 1.year(),
    };
    let midnight = |date: Date| date.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp());
    Some((midnight(first)?, midnight(first.checked_add(length).ok()?)?))
}

fn within(from: Timestamp, to: Timestamp, wanted: &Wanted) -> Relation {
    let at = |seconds: u64| i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    let since = wanted.since.map(|since| at(since).and_then(|at| at.checked_sub(SLACK).ok()).unwrap_or(Timestamp::MIN));
    let until = wanted.until.map(|until| at(until).and_then(|at| at.checked_add(SLACK).ok()).unwrap_or(Timestamp::MAX));
    if since.is_some_and(|since| to <= since) || until.is_some_and(|until| from >= until) {
        return Relation::Outside;
    }
    let whole = since.is_none_or(|since| since <= from) && until.is_none_or(|until| to <= until);
    if whole { Relation::Inside } else { Relation::Partly }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = "p/AWSLogs/111122223333/vpcflowlogs/eu-west-1/2026/03/10/";
    const HIVE: &str =
        "AWSLogs/aws-account-id=111122223333/aws-service=vpcflowlogs/aws-region=eu-west-1/year=2026/month=03/day=10/";

    fn seconds(text: &str) -> Option<u64> {
        text.parse::<Timestamp>().ok().and_then(|at| u64::try_from(at.as_second()).ok())
    }

    fn wanted(since: &str, until: &str) -> Wanted {
        Wanted { since: seconds(since), until: seconds(until), ..Wanted::default() }
    }

    #[test]
    fn days_within_a_days_slack_are_wanted() {
        let wanted = wanted("2026-03-10T12:00:00Z", "2026-03-10T13:00:00Z");
        for key in [PLAIN, HIVE] {
            let day = |day: &str| relation(&key.replace("10/", &format!("{day}/")), &wanted);
            assert_eq!(day("08"), Relation::Outside, "{key}");
            assert_eq!(day("09"), Relation::Partly);
            assert_eq!(day("10"), Relation::Inside);
            assert_eq!(day("11"), Relation::Partly);
            assert_eq!(day("12"), Relation::Outside);
            assert_eq!(relation(&format!("{key}17/x.log.gz"), &wanted), Relation::Inside);
            let (month, year) = (key.split_at(key.len() - 4).0, key.split_at(key.find("03").unwrap_or(0)).0);
            assert_eq!(relation(month, &wanted), Relation::Partly, "{month}");
            assert_eq!(relation(year, &wanted), Relation::Partly, "{year}");
            assert_eq!(relation(&key.replace("2026", "2025"), &wanted), Relation::Outside);
        }
    }

    #[test]
    fn accounts_regions_and_other_services_are_told_apart() {
        let all = Wanted::default();
        let one =
            Wanted { accounts: vec!["111122223333".into()], regions: vec!["eu-west-1".into()], ..Wanted::default() };
        for key in [PLAIN, HIVE] {
            assert_eq!(relation(key, &all), Relation::Inside);
            assert_eq!(relation(key, &one), Relation::Inside);
            assert_eq!(relation(&key.replace("1111", "2222"), &one), Relation::Outside);
            assert_eq!(relation(&key.replace("west", "east"), &one), Relation::Outside);
            assert_eq!(relation(&key.replace("vpcflowlogs", "elasticloadbalancing"), &all), Relation::Outside);
        }
        assert_eq!(relation("AWSLogs/", &all), Relation::Partly);
        assert_eq!(relation("anything/else/", &all), Relation::Inside);
        assert_eq!(relation("anything/else/", &one), Relation::Partly);
    }
}
