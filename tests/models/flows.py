"""Whether what flow logs say of rules is what a model says: python flows.py PORTCULLIS SEED FLOWS

Who began each connection is plain in these logs, by direction and by flags; what is asked is which rules let it in, which a
plan would cut, and whether a suggestion still admits all of them and nobody new.
"""

import ipaddress
import json
import pathlib
import random
import sys

from sets import minus, span, union
from world import ACCOUNT, run

GROUPS = 6
LIST = ["81.2.69.0/24", "10.0.2.0/25"]
PEERS = ["0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/24", "10.0.1.0/24", "81.2.0.0/16", "10.0.1.12/32"]
RANGES = [(22, 22), (80, 443), (443, 443), (5432, 5432), (1000, 1010), (0, 65535)]
CONTROLS = ["internet-ssh", "internet-all-traffic", "internet-unauthorized-port", "internet-egress-all", "internet-postgresql"]
HEAD = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status flow-direction tcp-flags"


class World:
    def __init__(self, rnd):
        peers = [*PEERS, "pl-1", *(f"sg-{n}" for n in range(GROUPS))]
        rule = lambda: (rnd.choice(["ingress", "egress"]), *rnd.choice([("tcp", *rnd.choice(RANGES)), ("-1", 0, 65535)]), rnd.choice(peers))
        self.rules = {f"sg-{n}": sorted({rule() for _ in range(rnd.randint(2, 7))}) for n in range(GROUPS)}
        # (id, address, its groups)
        self.interfaces = [(f"eni-{n}", f"10.0.{rnd.randrange(3)}.{10 + n}", rnd.sample(sorted(self.rules), rnd.choice([1, 1, 2]))) for n in range(10)]

    def members(self, peer):
        if peer.startswith("pl-"):
            return union(span(block) for block in LIST)
        if peer.startswith("sg-"):
            return union(span(address + "/32") for _, address, groups in self.interfaces if peer in groups)
        return [span(peer)]

    def admitting(self, rules, groups, way, port, address):
        """The rules of some groups that admit a TCP connection, with their group."""
        number = int(ipaddress.ip_address(address))
        for group in groups:
            for rule in rules[group]:
                if rule[0] == way and rule[2] <= port <= rule[3] and any(first <= number <= last for first, last in self.members(rule[4])):
                    yield group, rule

    def write(self, path):
        """The groups with their rules in permissions, and the interfaces."""
        groups = []
        for name, rules in self.rules.items():
            group = {"GroupId": name, "GroupName": name, "OwnerId": ACCOUNT, "VpcId": "vpc-1", "Description": "x", "IpPermissions": [], "IpPermissionsEgress": []}
            for way, protocol, low, high, peer in rules:
                made = {"IpProtocol": protocol, "IpRanges": [], "PrefixListIds": [], "UserIdGroupPairs": []} | ({} if protocol == "-1" else {"FromPort": low, "ToPort": high})
                if peer.startswith("pl-"):
                    made["PrefixListIds"] = [{"PrefixListId": peer}]
                elif peer.startswith("sg-"):
                    made["UserIdGroupPairs"] = [{"GroupId": peer, "UserId": ACCOUNT}]
                else:
                    made["IpRanges"] = [{"CidrIp": peer}]
                group["IpPermissions" if way == "ingress" else "IpPermissionsEgress"].append(made)
            groups.append(group)
        lists = [{"PrefixListId": "pl-1", "Entries": [{"Cidr": block} for block in LIST]}]
        interfaces = [
            {"NetworkInterfaceId": name, "VpcId": "vpc-1", "OwnerId": ACCOUNT, "PrivateIpAddresses": [{"PrivateIpAddress": address}], "Groups": [{"GroupId": group} for group in groups_of]}
            for name, address, groups_of in self.interfaces
        ]
        path.write_text(json.dumps({"SecurityGroups": groups, "PrefixLists": lists, "NetworkInterfaces": interfaces}))


def read(path):
    """The rules of each group of a file that the program wrote."""
    found = {}
    for group in json.loads(path.read_text())["SecurityGroups"]:
        rules = found.setdefault(group["GroupId"], [])
        for way, key in (("ingress", "IpPermissions"), ("egress", "IpPermissionsEgress")):
            for made in group[key]:
                peers = [peer["CidrIp"] for peer in made.get("IpRanges", [])] + [peer["PrefixListId"] for peer in made.get("PrefixListIds", [])]
                for peer in peers + [peer["GroupId"] for peer in made.get("UserIdGroupPairs", [])]:
                    low, high = (0, 65535) if made["IpProtocol"] == "-1" else (made["FromPort"], made["ToPort"])
                    rules.append((way, made["IpProtocol"], low, high, peer))
    return found


def connections(rnd, world, count):
    """Connections that a rule admits, and their records: the question, then the answer."""
    made, lines, time = [], [HEAD], 1_700_000_000
    while len(made) < count:
        name, own, groups = rnd.choice(world.interfaces)
        way, _, low, high, peer = rnd.choice(world.rules[rnd.choice(groups)])
        members = world.members(peer)
        if not members:
            continue
        other = str(ipaddress.ip_address(rnd.randint(*rnd.choice(members))))
        port, free, bytes_, time = rnd.randint(max(1, low), high), rnd.randint(32768, 60999), rnd.randint(100, 9999), time + 1
        if other == own:
            continue
        made.append((groups, way, port, other, bytes_))
        ends = (other, own) if way == "ingress" else (own, other)
        back = "egress" if way == "ingress" else "ingress"
        lines.append(f"2 {ACCOUNT} {name} {ends[0]} {ends[1]} {free} {port} 6 5 {bytes_} {time} {time + 9} ACCEPT OK {way} 2")
        lines.append(f"2 {ACCOUNT} {name} {ends[1]} {ends[0]} {port} {free} 6 5 500 {time} {time + 9} ACCEPT OK {back} 18")
    pathlib.Path("flows.log").write_text("\n".join(lines) + "\n")
    return made


def name_of(group, way, protocol, low, high, peer):
    return group, way, *(("all", None) if protocol in ("-1", "all") else (protocol, (low, high))), peer


def main(program, seed, count):
    rnd = random.Random(seed)
    world = World(rnd)
    world.write(pathlib.Path("inventory.json"))
    flows = connections(rnd, world, count)
    asked = lambda *what, codes: json.loads(run(program, "flows", *what, "flows.log", "--inventory", "inventory.json", "--format", "json", codes=codes).stdout)
    carry_out = lambda to: run(program, "apply", "plan.json", "--yes", "--allow-gap", "--inventory", "inventory.json", "--write", to, "--backup", f"backups-{to}")

    expected = {}
    for groups, way, port, other, size in flows:
        uses = list(world.admitting(world.rules, groups, way, port, other))
        for group, rule in uses:
            use = expected.setdefault(name_of(group, *rule), [0, 0, 0])
            use[:] = use[0] + 1, use[1] + (len(uses) > 1), use[2] + size
    usage, told = asked("usage", codes=(0,)), {}
    for rule in usage["rules"]:
        low, high = (0, 65535) if rule["ports"] in (None, "all") else map(int, (rule["ports"].split("-")[0], rule["ports"].split("-")[-1]))
        name = name_of(rule["group_id"], rule["direction"], rule["protocol"], low, high, rule["peer"].removeprefix(f"{ACCOUNT}/"))
        if rule["flows"]:
            told[name] = [rule["flows"], rule["shared_flows"], rule["bytes"]]
    assert told == expected, ("usage", seed, sorted(set(map(str, told.items())) ^ set(map(str, expected.items())))[:4])
    assert usage["unattributed"]["flows"] == 0, ("usage", seed, usage["unattributed"])

    def cut(after):
        return sum(not any(world.admitting(after, groups, way, port, other)) for groups, way, port, other, _ in flows)

    controls = [word for control in rnd.sample(CONTROLS, 2) for word in ("--control", control)]
    strategy = rnd.choice(["narrow", "revoke", "lockdown"])
    # The plan knows the Region, and the inventory does not.
    run(program, "plan", "inventory.json", "--pack", "all", *controls, "--strategy", strategy, "--region", "eu-west-1", "--out", "plan.json")
    carry_out("closed.json")
    told, expected = asked("risk", "--plan", "plan.json", codes=(0, 1))["at_risk"], cut(read(pathlib.Path("closed.json")))
    assert sum(row["flows"] for row in told) == expected, ("risk", seed, strategy, controls, expected, told[:3])

    asked("suggest", "--out", "plan.json", *rnd.choice([[], ["--generalise", "24"]]), codes=(0,))
    carry_out("least.json")
    after = read(pathlib.Path("least.json"))
    assert cut(after) == 0, ("suggest", seed, "cuts", cut(after))
    for group, rules in world.rules.items():
        for way in ("ingress", "egress"):
            for port in sorted({edge for rule in rules + after[group] for edge in (rule[2], rule[3]) if edge}):
                whom = lambda rules: union(spans for rule in rules if rule[0] == way and rule[2] <= port <= rule[3] for spans in world.members(rule[4]))
                assert not minus(whom(after[group]), whom(rules)), ("suggest", seed, "opens", group, way, port)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
