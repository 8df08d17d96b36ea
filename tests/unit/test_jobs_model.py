"""A job over the services, against a model of it that shares no code with them."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from datacatalog.domain.errors import Conflict, Refused
from datacatalog.interfaces.worker.loop import Worker
from datacatalog.services.access import make_admin_token, token_of
from datacatalog.services.records import revoke_token
from tests.unit.memory import memory
from tests.unit.test_jobs_lifecycle import GOLDEN, LETTERS

STATES = [state.value for state in LETTERS.values()]
STATUSES = {
    "RUNNING": "run",
    "FINISHED": "finish",
    "FAILED": "fail",
    "KILLED": "fail",
    "STOPPED": "fail",
    "DELETED": "fail",
    "QUEUED": "resource",
    "ARCHIVING": "resource",
    "ARCHIVING_FAILED": "update",
    "HEARTBEAT": "update",
    "UPDATED": "update",
    "RESTORED": "update",
    "${JOB_STATUS}": "update",
}
BODY = {
    "appId": "a",
    "executionSystem": "e",
    "owner": "o",
    "archivePath": "p",
    "archiveSystem": "s",
    "inputs": {},
    "parameters": {},
    "_links": {},
}


def follows(state: str, event: str) -> str | None:
    letter = GOLDEN[event][STATES.index(state)]
    return LETTERS[letter].value if letter in LETTERS else None


class JobMachine(RuleBasedStateMachine):
    """One job: what it was told, and what the model says came of it.

    Attributes:
        said: the model's history, as (event, state after it, mark).
        owed: what the catalog owes the job, first come first served: "index" or "indexed".
    """

    @initialize()
    def begin(self) -> None:
        self.here = memory()
        self.worker = Worker(self.here.app)
        self.job = self.here.job()
        self.uuid, self.token = self.job.job.uuid, self.job.token
        self.state = "CREATED"
        self.said: list[tuple[str, str, str]] = [("create", "CREATED", "")]
        self.owed: list[str] = []

    # ------------------------------------------------------------------------------------- the model

    def goes(self, event: str, mark: str = "") -> None:
        target = follows(self.state, event)
        assert target is not None
        if event == "finish" and self.state != "FINISHED":
            self.owed.append("index")
        if event == "index":
            self.owed.append("indexed")
        self.state = target
        self.said.append((event, target, mark))

    def noted(self, event: str) -> None:
        self.said.append((event, self.state, "noted"))

    # ------------------------------------------------------------------------------------- the rules

    def admin(self) -> str:
        return make_admin_token("a" * 32, self.here.env)

    @rule(data=st.data())
    def moves_on(self, data: st.DataObject) -> None:
        allowed = [event for event in GOLDEN if follows(self.state, event) and event != "create"]
        steps = [event for event in allowed if event not in ("reset", "fail", "retire")] or allowed
        event = data.draw(st.sampled_from(steps), label="event")
        self.is_told(event, "admin" if event in ("reset", "ready") else "owner", in_url=False)

    @rule(
        event=st.sampled_from(sorted(GOLDEN)),
        who=st.sampled_from(["owner", "owner", "owner", "admin", "stranger", "nobody"]),
        in_url=st.booleans(),
    )
    def is_told_something(self, event: str, who: str, in_url: bool) -> None:
        self.is_told(event, who, in_url=in_url)

    def is_told(self, event: str, who: str, *, in_url: bool) -> None:
        token = {"owner": self.token, "admin": self.admin(), "stranger": "x" * 17, "nobody": ""}[who]
        said = {"uuid": self.uuid, "name": event, **({"token": token} if token else {})}
        may = who == "admin" or (who == "owner" and event not in ("reset", "ready"))
        try:
            if in_url:
                self.here.handle("jobs-manager", "", **said)
            else:
                self.here.handle("jobs-manager", said)
        except Refused:
            assert not may or event == "create"
        except Conflict:
            assert may
            assert event != "create"
            assert follows(self.state, event) is None
        else:
            assert may
            assert event != "create"
            self.goes(event)

    @rule(status=st.sampled_from(["RUNNING", "FINISHED", *STATUSES]), in_url=st.booleans())
    def hears_from_its_platform(self, status: str, in_url: bool) -> None:
        url = {"uuid": self.uuid, "token": self.token}
        if in_url:
            outcome = self.here.handle("jobs-manager", " ", **url, status=status)
        else:
            outcome = self.here.handle("jobs-manager", {**BODY, "status": status}, **url)
        event = STATUSES[status]
        if event == "finish" and self.state == "CREATED":
            self.goes("run", "implied")
        over = event == "fail" and self.state not in ("CREATED", "RUNNING")
        if follows(self.state, event) is None or over:
            self.noted(event)
        else:
            self.goes(event)
        assert outcome.result["state"] == self.state

    @rule()
    def is_looked_after_by_a_worker(self) -> None:
        while self.worker.work_once(["jobs-indexer", *self.here.app.tasks]):
            what = self.owed.pop(0)
            if follows(self.state, what) is None:
                self.noted(what)
            else:
                self.goes(what)
        assert self.owed == []

    @rule()
    def has_its_token_revoked(self) -> None:
        record = revoke_token(self.uuid, self.admin(), self.here.env)
        before, self.token = self.token, token_of(record, self.here.env)
        assert before != self.token

    @rule(seconds=st.integers(1, 5))
    def time_goes_by(self, seconds: int) -> None:
        self.here.clock.move(seconds=seconds)

    # -------------------------------------------------------------------------------- what must hold

    @invariant()
    def history_and_state_are_the_models(self) -> None:
        entries = self.here.history(self.job)
        found = [
            (e["name"], e["state"], "noted" if e.get("noted") else "implied" if e.get("implied") else "")
            for e in entries
        ]
        assert found == self.said
        assert self.here.state(self.job) == self.state
        moves = [entry for entry in entries if not entry.get("noted")]
        record = self.here.env.store.read(lambda work: work.records.get(self.uuid))
        assert record.body["last_event"] == moves[-1]["name"]
        assert record.body["updated"] == entries[-1]["date"]
        assert len({entry["uuid"] for entry in entries}) == len(entries)

    @invariant()
    def nothing_is_a_dead_letter(self) -> None:
        assert list(self.here.env.transport.dead()) == []
        assert sum(self.here.env.transport.depth().values()) == len(self.owed)


JobMachine.TestCase.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
TestJob = JobMachine.TestCase
