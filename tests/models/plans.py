"""Whether narrow plans cut what they must and no more: python plans.py PORTCULLIS SEED GROUPS

A plan against a random policy is carried out on the file; then no finding of it is left, nobody is admitted anew, and what is
closed is what some finding's rule speaks of.
"""

import json
import pathlib
import sys

from sets import EVERYBODY, PRIVATE, minus, of
from verdicts import findings, written
from world import WAYS, run


def offends(rules, way, protocol, port, wanted):
    """Whom these rules let be closed on a port: all that they speak of, and of the internet all but private space."""
    spans = []
    for _, own, name, low, high, peer, allowed, _ in rules:
        if own != way or {"tcp": 6, "udp": 17}[name] != protocol or not max(1, low) <= port <= high:
            continue
        if peer in ("0.0.0.0/0", "::/0"):
            everybody = EVERYBODY[wanted] if wanted == (4 if peer == "0.0.0.0/0" else 6) else []
            spans += minus(everybody, of(PRIVATE[wanted], wanted))
        elif peer:
            spans += of([peer], wanted)
        else:
            spans += minus(EVERYBODY[wanted], of(allowed, wanted))
    return spans


def main(program, seed, count):
    world, rules = written(seed, count)
    judged = lambda name: findings(program, name, "--policy", "policy.json")
    before = {finding["id"]: finding for finding in judged("inventory.json")}
    run(program, "plan", "inventory.json", "--policy", "policy.json", "--out", "plan.json")
    run(program, "apply", "plan.json", "--yes", "--allow-gap", "--inventory", "inventory.json", "--write", "after.json", "--backup", "backups")
    plan = json.loads(pathlib.Path("plan.json").read_text())
    after = {group["GroupId"]: group for group in json.loads(pathlib.Path("after.json").read_text())["SecurityGroups"]}
    for planned in plan["groups"]:
        group = next(group for group in world.groups if group["GroupId"] == planned["group_id"])
        names = {before[name]["rule_id"] for name in planned["findings"]}
        own = [rule for rule in rules if rule[0] in names]
        for way in WAYS:
            for protocol in (6, 17, 47):
                turns = {port for one in (group, after[group["GroupId"]]) for port in world.turns(one, way, protocol, 1, 65535)}
                for port in sorted(turns):
                    for wanted in (4, 6):
                        then = world.admitted(group, way, protocol, port, wanted)
                        now = world.admitted(after[group["GroupId"]], way, protocol, port, wanted)
                        place = (seed, group["GroupId"], way, protocol, port)
                        assert not minus(now, then), ("admitted anew", place)
                        closed = minus(then, now)
                        # What the quota has no room for is said, and may be more.
                        if closed and not planned["proof"]["also_closes"]:
                            assert not minus(closed, offends(own, way, protocol, port, wanted)), ("closed too much", place, closed)
    planned = {name for group in plan["groups"] for name in group["findings"]}
    cleared = {(before[name]["rule_id"], before[name]["group_id"]) for name in planned}
    stands = {(f["rule_id"], f["group_id"]) for f in judged("after.json") if f["status"] == "fail"}
    assert not cleared & stands, ("still there", seed, sorted(cleared & stands)[:5])
    assert len(cleared) > count / 4, "too little was planned to mean anything"
    run(program, "rollback", "backups", "--yes", "--inventory", "after.json", "--write", "back.json", "--backup", "undone")
    there = {finding["id"] for finding in judged("back.json")}
    assert there == set(before), ("not as before", seed, sorted(there ^ set(before))[:5])


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
