"""Sets of addresses as sorted lists of (first, last), and what is public. Slow, obvious, and nothing of the program's."""

import ipaddress

# IANA's special-purpose registries, coarsely: what is left out is far too small to reach a threshold.
# https://www.iana.org/assignments/iana-ipv4-special-registry, https://www.iana.org/assignments/iana-ipv6-special-registry
SPECIAL = {
    4: "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 "
    "192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/3",
    6: "::/3 2001::/23 2001:db8::/32 2002::/16 3fff::/20 4000::/2 8000::/1",
}
PRIVATE = {4: "10.0.0.0/8 100.64.0.0/10 172.16.0.0/12 192.168.0.0/16", 6: "fc00::/7"}
LOOPBACK = {4: "127.0.0.0/8", 6: "::1/128"}
EVERYBODY = {4: [(0, 2**32 - 1)], 6: [(0, 2**128 - 1)]}


def family(block):
    return 6 if ":" in block else 4


def span(block):
    network = ipaddress.ip_network(block, strict=False)
    return int(network.network_address), int(network.broadcast_address)


def union(spans):
    out = []
    for first, last in sorted(spans):
        if out and first <= out[-1][1] + 1:
            out[-1] = (out[-1][0], max(out[-1][1], last))
        else:
            out.append((first, last))
    return out


def minus(spans, less):
    out = []
    for first, last in union(spans):
        for low, high in union(less):
            if high < first or low > last:
                continue
            if low > first:
                out.append((first, low - 1))
            first = high + 1
        if first <= last:
            out.append((first, last))
    return out


def meet(spans, other):
    return minus(spans, minus(spans, other))


def of(blocks, wanted):
    """The addresses of one family among blocks, given as a list or as words."""
    blocks = blocks.split() if isinstance(blocks, str) else blocks
    return union(span(block) for block in blocks if family(block) == wanted)


def public(spans, wanted):
    """How many public addresses."""
    return sum(last - first + 1 for first, last in minus(spans, of(SPECIAL[wanted], wanted)))
