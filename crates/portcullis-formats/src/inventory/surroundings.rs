//! What is known around the groups: VPCs, prefix lists and network interfaces.

use std::borrow::Cow;

use compact_str::CompactString;
use portcullis_core::model::{NetworkInterface, PrefixList, PublicAddress, Vpc};
use portcullis_core::net::{AddressSet, AnyCidr, Family};

use super::element::{Reader, region_and_account};
use super::group::tag_list;
use super::json::{Cursor, Field, Parsed};
use super::permission::{block, boxed, id, missing};

fn compact(field: Field<Cow<'_, str>>) -> CompactString {
    field.value.unwrap_or_default().into()
}

/// An entry of `Vpcs`.
pub(super) fn vpc(cursor: &mut Cursor<'_>, reader: &mut Reader<'_>) -> Parsed<()> {
    let at = cursor.here();
    let (mut vpc_id, mut owner, mut main) = <[Field<Cow<'_, str>>; 3]>::default().into();
    let (mut v4, mut v6) = <[Field<()>; 2]>::default().into();
    let mut blocks = Vec::new();
    let whole = cursor.object("a VPC", |cursor, key| match key {
        "VpcId" => cursor.fill(&mut vpc_id, key, Cursor::text),
        "OwnerId" => cursor.fill(&mut owner, key, Cursor::text),
        "CidrBlock" => cursor.fill(&mut main, key, Cursor::text),
        "CidrBlockAssociationSet" => cursor.fill(&mut v4, key, |cursor, key| {
            cursor.list(key, |cursor| association(cursor, "CidrBlock", "CidrBlockState", Family::Ipv4, &mut blocks))
        }),
        "Ipv6CidrBlockAssociationSet" => cursor.fill(&mut v6, key, |cursor, key| {
            cursor.list(key, |cursor| {
                association(cursor, "Ipv6CidrBlock", "Ipv6CidrBlockState", Family::Ipv6, &mut blocks)
            })
        }),
        _ => Ok(false),
    })?;
    if !whole {
        return Ok(());
    }
    blocks.extend(block(cursor, &main, Some(Family::Ipv4)));
    if let Some(id) = id(cursor, &vpc_id, at, "VpcId", "the id of the VPC") {
        reader.out.vpcs.push(Vpc { id, addresses: blocks.into_iter().collect(), owner_id: compact(owner) });
    }
    Ok(())
}

/// A block that was or is associated with a VPC; only what is associated now, or is about to be, counts.
fn association(
    cursor: &mut Cursor<'_>,
    name: &str,
    state_name: &str,
    family: Family,
    blocks: &mut Vec<AnyCidr>,
) -> Parsed<()> {
    let at = cursor.here();
    let (mut cidr, mut state) = (Field::default(), Field::default());
    let whole = cursor.object("an associated block", |cursor, key| match key {
        _ if key == name => cursor.fill(&mut cidr, key, Cursor::text),
        _ if key == state_name => cursor.fill(&mut state, key, |cursor, key| {
            let mut word = Field::default();
            if !cursor.null()? {
                cursor.object(key, |cursor, key| match key {
                    "State" => cursor.fill(&mut word, key, Cursor::text),
                    _ => Ok(false),
                })?;
            }
            Ok(word.value)
        }),
        _ => Ok(false),
    })?;
    if !whole {
        return Ok(());
    }
    missing(cursor, &cidr, at, name, "a CIDR block");
    let block = block(cursor, &cidr, Some(family));
    if matches!(state.value.as_deref(), None | Some("associated" | "associating")) {
        blocks.extend(block);
    }
    Ok(())
}

/// An entry of `ManagedPrefixLists` or `PrefixLists`.
pub(super) fn prefix_list(cursor: &mut Cursor<'_>, reader: &mut Reader<'_>) -> Parsed<()> {
    let at = cursor.here();
    let (mut list_id, mut name, mut family, mut owner) = <[Field<Cow<'_, str>>; 4]>::default().into();
    let (mut arn, mut max, mut entries, mut cidrs) =
        (Field::<Cow<'_, str>>::default(), Field::default(), Field::<()>::default(), Field::<()>::default());
    let mut blocks: Vec<AnyCidr> = Vec::new();
    let whole = cursor.object("a prefix list", |cursor, key| match key {
        "PrefixListId" => cursor.fill(&mut list_id, key, Cursor::text),
        "PrefixListName" => cursor.fill(&mut name, key, Cursor::text),
        "AddressFamily" => cursor.fill(&mut family, key, Cursor::text),
        "OwnerId" => cursor.fill(&mut owner, key, Cursor::text),
        "PrefixListArn" => cursor.fill(&mut arn, key, Cursor::text),
        "MaxEntries" => cursor.fill(&mut max, key, Cursor::integer),
        // `null` is no list of entries: then they are not known.
        "Entries" | "Cidrs" if cursor.null()? => Ok(true),
        "Entries" => {
            cursor.fill(&mut entries, key, |cursor, key| cursor.list(key, |cursor| entry(cursor, &mut blocks)))
        }
        "Cidrs" => cursor.fill(&mut cidrs, key, |cursor, key| {
            cursor.list(key, |cursor| {
                let mut cidr = Field::default();
                cursor.fill(&mut cidr, "an entry of `Cidrs`", Cursor::text)?;
                blocks.extend(block(cursor, &cidr, None));
                Ok(())
            })
        }),
        _ => Ok(false),
    })?;
    if !whole {
        return Ok(());
    }
    let family = match family.value.as_deref() {
        Some(word) if word.eq_ignore_ascii_case("ipv4") => Some(Family::Ipv4),
        Some(word) if word.eq_ignore_ascii_case("ipv6") => Some(Family::Ipv6),
        Some(word) => {
            cursor.fault(family.at, format!("`AddressFamily` is `{word}`: `IPv4` or `IPv6` is expected"));
            None
        }
        None => None,
    };
    let max_entries = max.value.and_then(|value| {
        let count = u32::try_from(value).ok();
        if count.is_none() {
            cursor.fault(max.at, format!("`MaxEntries` is `{value}`: a count is expected"));
        }
        count
    });
    if let Some(id) = id(cursor, &list_id, at, "PrefixListId", "the id of the prefix list") {
        let known = entries.seen || cidrs.seen;
        reader.out.prefix_lists.push(PrefixList {
            id,
            name: compact(name),
            family,
            entries: known.then(|| blocks.into_iter().collect::<AddressSet>()),
            max_entries,
            owner_id: compact(owner),
            region: region_and_account(&arn.value.unwrap_or_default()).0.into(),
        });
    }
    Ok(())
}

fn entry(cursor: &mut Cursor<'_>, blocks: &mut Vec<AnyCidr>) -> Parsed<()> {
    let at = cursor.here();
    let mut cidr = Field::default();
    let whole = cursor.object("an entry of a prefix list", |cursor, key| match key {
        "Cidr" => cursor.fill(&mut cidr, key, Cursor::text),
        _ => Ok(false),
    })?;
    if whole {
        missing(cursor, &cidr, at, "Cidr", "a CIDR block");
        blocks.extend(block(cursor, &cidr, None));
    }
    Ok(())
}

/// An entry of `NetworkInterfaces`.
pub(super) fn interface(cursor: &mut Cursor<'_>, reader: &mut Reader<'_>) -> Parsed<()> {
    let at = cursor.here();
    let (mut interface_id, mut description, mut vpc, mut owner) = <[Field<Cow<'_, str>>; 4]>::default().into();
    let (mut main, mut tags) = (Field::default(), Field::default());
    let (mut groups, mut v4, mut v6, mut v4_blocks, mut v6_blocks) = <[Field<()>; 5]>::default().into();
    let mut public = Field::default();
    let (mut group_ids, mut addresses, mut prefixes, mut public_addresses) =
        <(Vec<_>, Vec<_>, Vec<_>, Vec<_>)>::default();
    let whole = cursor.object("a network interface", |cursor, key| match key {
        "NetworkInterfaceId" => cursor.fill(&mut interface_id, key, Cursor::text),
        "Description" => cursor.fill(&mut description, key, Cursor::text),
        "VpcId" => cursor.fill(&mut vpc, key, Cursor::text),
        "OwnerId" => cursor.fill(&mut owner, key, Cursor::text),
        "PrivateIpAddress" => cursor.fill(&mut main, key, Cursor::text),
        "TagSet" => cursor.fill(&mut tags, key, tag_list),
        "Groups" => cursor.fill(&mut groups, key, |cursor, key| {
            cursor.list(key, |cursor| one_of(cursor, "GroupId", "the id of a security group", &mut group_ids))
        }),
        "PrivateIpAddresses" => cursor.fill(&mut v4, key, |cursor, key| {
            cursor.list(key, |cursor| private_address(cursor, &mut addresses, &mut public_addresses))
        }),
        "Association" => cursor.fill(&mut public, key, public_ip),
        "Ipv4Prefixes" => cursor.fill(&mut v4_blocks, key, |cursor, key| {
            cursor.list(key, |cursor| one_of(cursor, "Ipv4Prefix", "a block", &mut prefixes))
        }),
        "Ipv6Prefixes" => cursor.fill(&mut v6_blocks, key, |cursor, key| {
            cursor.list(key, |cursor| one_of(cursor, "Ipv6Prefix", "a block", &mut prefixes))
        }),
        "Ipv6Addresses" => cursor.fill(&mut v6, key, |cursor, key| {
            cursor.list(key, |cursor| one_of(cursor, "Ipv6Address", "an address", &mut addresses))
        }),
        _ => Ok(false),
    })?;
    if !whole {
        return Ok(());
    }
    let main = compact(main);
    if !main.is_empty() && !addresses.contains(&main) {
        addresses.insert(0, main);
    }
    if let Some(public) = public.value
        && !public_addresses.iter().any(|known: &PublicAddress| known.public == public)
    {
        let private = addresses.first().cloned().unwrap_or_default();
        public_addresses.insert(0, PublicAddress { public, private });
    }
    if let Some(id) = id(cursor, &interface_id, at, "NetworkInterfaceId", "the id of the interface") {
        reader.out.interfaces.push(NetworkInterface {
            id,
            group_ids,
            description: boxed(description.value),
            addresses,
            prefixes,
            public_addresses,
            vpc_id: compact(vpc),
            owner_id: compact(owner),
            tags: tags.value.unwrap_or_default(),
        });
    }
    Ok(())
}

/// An entry of `PrivateIpAddresses`.
fn private_address(
    cursor: &mut Cursor<'_>,
    addresses: &mut Vec<CompactString>,
    public_addresses: &mut Vec<PublicAddress>,
) -> Parsed<()> {
    let at = cursor.here();
    let (mut address, mut public) = (Field::default(), Field::default());
    let whole = cursor.object("an entry of an interface's lists", |cursor, key| match key {
        "PrivateIpAddress" => cursor.fill(&mut address, key, Cursor::text),
        "Association" => cursor.fill(&mut public, key, public_ip),
        _ => Ok(false),
    })?;
    if whole && let Some(private) = id(cursor, &address, at, "PrivateIpAddress", "an address") {
        public_addresses.extend(public.value.map(|public| PublicAddress { public, private: private.clone() }));
        addresses.push(private);
    }
    Ok(())
}

/// The `PublicIp` of an `Association`.
fn public_ip(cursor: &mut Cursor<'_>, key: &str) -> Parsed<Option<CompactString>> {
    let mut public: Field<Cow<'_, str>> = Field::default();
    if !cursor.null()? {
        cursor.object(key, |cursor, key| match key {
            "PublicIp" => cursor.fill(&mut public, key, Cursor::text),
            _ => Ok(false),
        })?;
    }
    Ok(public.value.map(CompactString::from).filter(|public| !public.is_empty()))
}

/// An entry of a list of objects of which one key counts.
fn one_of(cursor: &mut Cursor<'_>, name: &str, expected: &str, into: &mut Vec<CompactString>) -> Parsed<()> {
    let at = cursor.here();
    let mut value = Field::default();
    let whole = cursor.object("an entry of an interface's lists", |cursor, key| match key {
        _ if key == name => cursor.fill(&mut value, key, Cursor::text),
        _ => Ok(false),
    })?;
    if whole {
        into.extend(id(cursor, &value, at, name, expected));
    }
    Ok(())
}
