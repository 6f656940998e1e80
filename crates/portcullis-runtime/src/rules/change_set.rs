//! A change set: made of a template, shown, executed or thrown away.

use portcullis_cloud::api::{
    ChangeSet, ChangeSetKind, Import, NewChangeSet, Put, Stacks, TEMPLATE_BYTES, TEMPLATE_BYTES_ON_S3, Template,
};
use portcullis_cloud::shapes::Tag;
use portcullis_cloud::stores::S3Location;
use portcullis_rules::Repository;
use sha2::{Digest as _, Sha256};

use super::{Failure, Result, Site, follow};
use crate::report::new_run_id;

/// What a change set is made of.
pub(super) struct Wanted<'a> {
    pub(super) kind: ChangeSetKind,
    /// The template in JSON.
    pub(super) template: String,
    pub(super) imports: Vec<Import>,
    /// Where a template goes that is too large for a call.
    pub(super) bucket: Option<&'a S3Location>,
}

/// Makes a change set, and waits until AWS knows what it would change.
pub(super) fn make(site: &Site, stacks: &dyn Stacks, repository: &Repository, wanted: Wanted<'_>) -> Result<ChangeSet> {
    let tag = |(key, value): (&String, &String)| Tag { key: key.clone(), value: value.clone() };
    let new = NewChangeSet {
        stack: repository.stack_name(),
        name: format!("portcullis-{}", new_run_id()),
        kind: wanted.kind,
        template: placed(site, &repository.stack_name(), wanted.template, wanted.bucket)?,
        description: format!("rules of {}", repository.group_name()),
        tags: repository.settings.tags.iter().map(tag).collect(),
        imports: wanted.imports,
    };
    // Not made again where no answer came: it would be refused for its name, and one that nobody executes does nothing.
    let made = site.ask(stacks.create_change_set(&new))?;
    follow::made(site, stacks, &made.id)
}

/// A change set that is of no use any more; that it may stay is no failure.
pub(super) fn discard(site: &Site, stacks: &dyn Stacks, id: &str) {
    let _ = site.ask(stacks.delete_change_set(id));
}

/// Where CloudFormation reads the template from: the call itself, or S3.
fn placed(site: &Site, stack: &str, template: String, bucket: Option<&S3Location>) -> Result<Template> {
    let bytes = template.len();
    if bytes <= TEMPLATE_BYTES {
        return Ok(Template::Body(template));
    }
    if bytes > TEMPLATE_BYTES_ON_S3 {
        return Err(Failure::Input(format!(
            "the template has {bytes} bytes, and CloudFormation takes {TEMPLATE_BYTES_ON_S3}: keep fewer rules in one repository"
        )));
    }
    let Some(place) = bucket else {
        return Err(Failure::Input(format!(
            "the template has {bytes} bytes, and CloudFormation takes {TEMPLATE_BYTES} in a call: `--bucket s3://BUCKET/PREFIX` \
             lets it go through S3"
        )));
    };
    let digest: String = Sha256::digest(template.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let key = place.key(&format!("{stack}-{digest}.json"));
    let how = Put { content_type: "application/json", ..Put::default() };
    let objects = site.objects()?;
    site.look(|| objects.put(&place.bucket, &key, template.clone().into_bytes(), &how))?;
    Ok(Template::Url(address(&place.bucket, &key, site.region())))
}

/// The address by which CloudFormation finds an object. A bucket with dots in its name has no host of its own by TLS.
fn address(bucket: &str, key: &str, region: &str) -> String {
    let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(byte);
    let encode = |byte: u8| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    let key: String = key.bytes().map(encode).collect();
    match bucket.contains('.') {
        true => format!("https://s3.{region}.{domain}/{bucket}/{key}"),
        false => format!("https://{bucket}.s3.{region}.{domain}/{key}"),
    }
}

#[cfg(test)]
mod unit {
    use super::address;

    #[test]
    fn objects_have_addresses() {
        assert_eq!(address("b", "a b.json", "eu-west-1"), "https://b.s3.eu-west-1.amazonaws.com/a%20b.json");
        assert_eq!(address("a.b", "p/t.json", "cn-north-1"), "https://s3.cn-north-1.amazonaws.com.cn/a.b/p/t.json");
    }
}
