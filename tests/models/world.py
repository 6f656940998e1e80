"""Random security groups, as the AWS CLI prints them, and whom they admit, rule by rule."""

import ipaddress
import json
import subprocess

from sets import family, span, union

PROTOCOLS = {"tcp": 6, "6": 6, "udp": 17, "17": 17, "icmp": 1, "icmpv6": 58, "47": 47, "-1": -1}
PORTS = [20, 21, 22, 23, 25, 53, 69, 80, 110, 135, 389, 443, 445, 1433, 2049, 3306, 3389, 5432, 5900, 6379, 8080, 9200, 11211]
ACCOUNT = "111122223333"
WAYS = {"ingress": "IpPermissions", "egress": "IpPermissionsEgress"}


def run(program, *arguments, codes=(0, 1)):
    done = subprocess.run([program, *arguments], capture_output=True, text=True)
    assert done.returncode in codes, (arguments, done.returncode, done.stderr)
    return done


def block(rnd):
    if rnd.random() < 0.3:
        address, prefix = (1 << 125) | rnd.getrandbits(125), rnd.choice([0, 3, 4, 8, 15, 16, 17, 20, 32, 64, 128])
    else:
        near = rnd.choice([0, 1 << 31, 10 << 24, 192 << 24 | 168 << 16, rnd.getrandbits(32), rnd.getrandbits(32)])
        address, prefix = near, rnd.choice([0, 0, 1, 2, 4, 7, 8, 9, 10, 16, 24, 32])
    kind = ipaddress.IPv6Network if address >> 32 else ipaddress.IPv4Network
    return str(kind((address, prefix), strict=False))


def ports(rnd):
    low = rnd.choice(PORTS)
    return rnd.choice([(low, low), (low, low), (max(0, low - 30), low + rnd.choice([1, 50, 4000])), (0, 65535), (1, 65535), (0, 32767), (32768, 65535)])


def permission(rnd, lists):
    protocol = rnd.choice(["tcp"] * 6 + ["6", "udp", "udp", "17", "-1", "-1", "icmp", "icmpv6", "47"])
    made = {"IpProtocol": protocol, "IpRanges": [], "Ipv6Ranges": [], "PrefixListIds": [], "UserIdGroupPairs": []}
    if PROTOCOLS[protocol] in (6, 17):
        made["FromPort"], made["ToPort"] = ports(rnd)
    elif PROTOCOLS[protocol] in (1, 58):
        made["FromPort"] = made["ToPort"] = -1
    for peer in {block(rnd) for _ in range(rnd.choice([1, 1, 2]))}:
        made["Ipv6Ranges" if ":" in peer else "IpRanges"].append({"CidrIpv6" if ":" in peer else "CidrIp": peer})
    if rnd.random() < 0.15:
        made["PrefixListIds"] = [{"PrefixListId": rnd.choice(sorted(lists))}]
    if rnd.random() < 0.1:
        made["UserIdGroupPairs"] = [{"GroupId": "sg-other", "UserId": ACCOUNT}]
    return made


class World:
    def __init__(self, rnd, count):
        self.lists = {f"pl-{n}": [block(rnd) for _ in range(rnd.randint(0, 4))] for n in range(8)}
        for entries in self.lists.values():
            # A list holds one family.
            entries[:] = [entry for entry in entries if family(entry) == family(entries[0])]
        self.groups = []
        for number in range(count):
            group = {"GroupId": f"sg-{number:05}", "GroupName": f"group-{number}", "OwnerId": ACCOUNT, "VpcId": "vpc-1", "Description": "x"}
            for way, most in (("ingress", 6), ("egress", 2)):
                group[WAYS[way]] = [permission(rnd, self.lists) for _ in range(rnd.randint(0, most))]
            group["Tags"] = [{"Key": "Environment", "Value": rnd.choice(["production", "staging"])}] if rnd.random() < 0.7 else []
            self.groups.append(group)

    def write(self, path):
        lists = [{"PrefixListId": name, "Entries": [{"Cidr": entry} for entry in entries]} for name, entries in self.lists.items()]
        path.write_text(json.dumps({"SecurityGroups": self.groups, "PrefixLists": lists}))

    def rules(self, group, way):
        """(protocol, from, to, blocks, whether a group is admitted) of each permission."""
        for made in group.get(WAYS[way], []):
            blocks = [peer["CidrIp"] for peer in made["IpRanges"]] + [peer["CidrIpv6"] for peer in made["Ipv6Ranges"]]
            for peer in made["PrefixListIds"]:
                blocks += self.lists[peer["PrefixListId"]]
            protocol = PROTOCOLS[made["IpProtocol"]]
            low, high = (made["FromPort"], made["ToPort"]) if protocol in (6, 17) else (0, 65535)
            yield protocol, low, high, blocks, bool(made["UserIdGroupPairs"])

    def admitted(self, group, way, protocol, port, wanted):
        """The addresses of a family that all rules together admit on a port; others have port 0."""
        rules = (rule for rule in self.rules(group, way) if rule[0] == -1 or rule[0] == protocol and rule[1] <= port <= rule[2])
        return union(span(peer) for rule in rules for peer in rule[3] if family(peer) == wanted)

    def turns(self, group, way, protocol, low, high, more=()):
        """Ports of a range, one for each stretch on which the same rules apply. Port 0 carries nothing."""
        if protocol not in (6, 17):
            return [0]
        edges = {max(1, low)} | {edge for first, last in more for edge in (first, last + 1)}
        for rule in self.rules(group, way):
            if rule[0] == protocol:
                edges |= {rule[1], rule[2] + 1}
        return sorted(port for port in edges if max(1, low) <= port <= high)
