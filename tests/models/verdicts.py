"""Whether the program's verdicts are those of a model that shares nothing with it: python verdicts.py PORTCULLIS SEED GROUPS

Controls of the catalogue that measure the internet, and the rules of a random policy.
"""

import json
import pathlib
import random
import sys

from sets import LOOPBACK, meet, minus, of, public
from world import World, ports, run

INTERNET = {4: 2**24, 6: 2**112}
WIDE = {4: 2**16, 6: 2**96}
CATALOGUE = {
    "internet-ssh": [(6, 22, 22)],
    "internet-rdp": [(6, 3389, 3389), (17, 3389, 3389)],
    "internet-ftp": [(6, 20, 21)],
    "internet-tftp": [(17, 69, 69)],
    "internet-dns": [(6, 53, 53), (17, 53, 53)],
    "internet-vnc": [(6, 5900, 5903)],
    "internet-mssql": [(6, 1433, 1434), (17, 1434, 1434)],
    "internet-oracle": [(6, 1521, 1521), (6, 2483, 2484)],
    "internet-memcached": [(6, 11211, 11211), (17, 11211, 11211)],
    "internet-elasticsearch": [(6, 9200, 9200), (6, 9300, 9300), (6, 5601, 5601)],
    "internet-http": [(6, 80, 80)],
}
PEERS = ["81.0.0.0/8", "52.95.0.0/16", "0.0.0.0/1", "10.0.0.0/8", "10.1.0.0/16", "192.168.0.0/16", "203.0.113.0/24", "2600::/16", "fc00::/7"]


def is_open(world, group, way, protocol, port, wanted):
    return public(world.admitted(group, way, protocol, port, wanted), wanted) > INTERNET[wanted]


def catalogue(world, group):
    """(control, family) of each that fails."""
    for wanted in (4, 6):
        for control, ranges in CATALOGUE.items():
            if any(is_open(world, group, "ingress", protocol, port, wanted) for protocol, low, high in ranges for port in range(low, high + 1)):
                yield control, wanted
        for control, way in (("internet-all-traffic", "ingress"), ("internet-egress-all", "egress")):
            if any(all(is_open(world, group, way, protocol, port, wanted) for port in world.turns(group, way, protocol, 1, 65535)) for protocol in (6, 17)):
                yield control, wanted
        others = [(protocol, port) for protocol in (6, 17) for port in world.turns(group, "ingress", protocol, 1, 65535, [(80, 80), (443, 443)]) if (protocol, port) not in ((6, 80), (6, 443))]
        measures = [public(world.admitted(group, "ingress", protocol, port, wanted), wanted) for protocol, port in others]
        if any(measure > INTERNET[wanted] for measure in measures):
            yield "internet-unauthorized-port", wanted
        if any(WIDE[wanted] < measure <= INTERNET[wanted] for measure in measures):
            yield "wide-public-source", wanted
        if any(is_open(world, group, "ingress", protocol, 0, wanted) for protocol in (2, 47, 50)):
            yield "internet-other-protocol", wanted


def policy(rnd):
    """A policy, and its rules as (id, way, protocol, low, high, peer or None, allowed sources, environments)."""
    rules = []
    for number in range(12):
        low, high = ports(rnd)
        rules.append((f"P{number}", rnd.choice(["ingress", "egress"]), rnd.choice(["tcp", "udp"]), low, high, rnd.choice(["0.0.0.0/0", "0.0.0.0/0", "::/0", *PEERS]), None, None))
    for number in range(5):
        low, high = ports(rnd)
        rules.append((f"R{number}", "ingress", rnd.choice(["tcp", "udp"]), low, high, None, rnd.sample(PEERS, 2), rnd.choice([None, ["production"]])))
    sections = {"prohibited_rules": {"inbound": [], "outbound": []}, "restricted_rules": {"inbound": []}}
    for name, way, protocol, low, high, peer, allowed, environments in rules:
        said = {"rule_id": name, "description": "d", "protocol": protocol, "port_range": f"{low}-{high}", "severity": "high", "reason": "r", "match": "any"}
        if peer:
            said["source" if way == "ingress" else "destination"] = peer
            sections["prohibited_rules"]["inbound" if way == "ingress" else "outbound"].append(said)
        else:
            said = {**said, "allowed_sources": allowed} | ({"environments": environments} if environments else {})
            sections["restricted_rules"]["inbound"].append(said)
    return {"version": "1", "compliance_policies": sections}, rules


def violates(world, group, rule):
    _, way, protocol, low, high, peer, allowed, environments = rule
    own = [tag["Value"] for tag in group["Tags"]]
    if environments and own and own[0] not in environments:
        return False
    number = {"tcp": 6, "udp": 17}[protocol]
    for port in world.turns(group, way, number, low, high):
        for wanted in (4, 6):
            here = world.admitted(group, way, number, port, wanted)
            if peer in ("0.0.0.0/0", "::/0"):
                hit = wanted == (4 if peer == "0.0.0.0/0" else 6) and public(here, wanted) > INTERNET[wanted]
            elif peer:
                hit = meet(here, of([peer], wanted))
            else:
                hit = minus(here, of(allowed, wanted) + of(LOOPBACK[wanted], wanted))
            if hit:
                return True
    return False


def written(seed, count):
    """A world and the rules of a policy; both are written into the folder."""
    rnd = random.Random(seed)
    world, (document, rules) = World(rnd, count), policy(rnd)
    world.write(pathlib.Path("inventory.json"))
    pathlib.Path("policy.json").write_text(json.dumps(document))
    return world, rules


def findings(program, inventory, *by):
    return json.loads(run(program, "scan", inventory, "--format", "json", *by).stdout)["findings"]


def main(program, seed, count):
    world, rules = written(seed, count)
    found = [finding for finding in findings(program, "inventory.json", "--pack", "all") if finding["status"] == "fail"]
    modelled = {*CATALOGUE, "internet-all-traffic", "internet-egress-all", "internet-unauthorized-port", "wide-public-source", "internet-other-protocol"}
    told = {(f["group_id"], f["control_id"], int(name[-1])) for f in found for name in f["families"] if f["control_id"] in modelled}
    expected = {(group["GroupId"], *verdict) for group in world.groups for verdict in catalogue(world, group)}
    assert told == expected, ("the catalogue", seed, sorted(told ^ expected)[:5])
    told = {(f["group_id"], f["rule_id"]) for f in findings(program, "inventory.json", "--policy", "policy.json") if f["status"] == "fail"}
    expected = {(group["GroupId"], rule[0]) for group in world.groups for rule in rules if violates(world, group, rule)}
    assert told == expected, ("the policy", seed, sorted(told ^ expected)[:5], [rule for rule in rules if rule[0] in {name for _, name in told ^ expected}])
    assert len(expected) > count / 4, "too few verdicts fail to mean anything"


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
