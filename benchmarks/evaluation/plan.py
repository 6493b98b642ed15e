"""Which rows are measured at which K."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from benchmarks.evaluation.cache import Cache
from benchmarks.evaluation.direct import Direct
from benchmarks.evaluation.methods import ColorTransfer, Family, Identity, MagentaRow, Method
from benchmarks.evaluation.objective import ObjectiveMeter
from benchmarks.evaluation.options import Options, parse_steps
from benchmarks.evaluation.ours import Adapted, Learner
from benchmarks.evaluation.rates import RateSearch, search_rate
from benchmarks.evaluation.selection import Artist
from benchmarks.magenta import Magenta
from model.device import prefers_bf16, resolve_device
from model.image.engine import Engine
from model.image.losses.objective import Objective
from model.image.losses.perceptual_network import PerceptualNetwork

OURS = "Fewstroke"
RATE_SEARCH_ARTISTS = 3
RANDOM_SEARCH_STEPS = 50  # a search over whole loops of 200 steps would cost more than all other rows
SWEPT = (1, 4)  # K at which strengths are swept beside the main one: those that verdicts ask for


@dataclass
class Plan:
    """Methods by K, and what the report says about checkpoints and rates."""

    methods: dict[int, list[Method]]
    objective: ObjectiveMeter
    checkpoint: dict[str, Any] | None = None
    searches: dict[str, RateSearch] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def make_plan(options: Options, spare: Sequence[Artist], cache: Cache) -> Plan:
    """Load what the chosen rows need. ``spare``: artists that are not measured, for choosing rates."""
    rows, main = options.rows, options.chosen_k
    ours = bool({Family.OURS, Family.RANDOM} & rows) or bool(options.settings)
    engine = Engine.load(options.checkpoint, device=options.device) if ours else None
    objective = _objective(engine, options.device)
    ks = sorted({*options.ks, main})
    plan = Plan({k: [] for k in ks}, objective)
    if Family.IDENTITY in rows:
        plan.methods[main].append(Identity())
    if Family.COLOR in rows:
        plan.methods[main].append(ColorTransfer())
    sweep = options.strengths if Family.SWEEP in rows else ()
    if Family.MAGENTA in rows:
        _add_magenta(plan, options, sweep)
    if engine is not None:
        plan.checkpoint = {"sha256": engine.base_hash, "default_steps": engine.default_steps}
        if Family.OURS in rows:
            _add_ours(plan, options, engine, sweep)
        _add_settings(plan, options, engine)
    if Family.BASELINE in rows:
        _add_baselines(plan, options)
    if Family.NO_META in rows and options.no_meta is not None:
        _add_no_meta(plan, options, spare, cache)
    if Family.RANDOM in rows and engine is not None:
        _add_random(plan, options, engine, spare, cache)
    if Family.DIRECT in rows:
        plan.methods[main].append(Direct(objective.device, iterations=options.direct_iterations))
    return plan


def _objective(engine: Engine | None, device: str) -> ObjectiveMeter:
    if engine is not None:
        return ObjectiveMeter(engine.objective)
    where = resolve_device(device)
    return ObjectiveMeter(Objective(PerceptualNetwork().to(where), amp=prefers_bf16(where)))


def _key(engine: Engine) -> str:
    return f"{engine.base_hash}-{engine.config}"


def _add_magenta(plan: Plan, options: Options, sweep: Sequence[float]) -> None:
    magenta = Magenta(threads=options.threads, exact=True)
    for k, methods in plan.methods.items():
        methods.append(MagentaRow(magenta, mean=False))
        if k > 1:  # the mean of one vector is the row above
            methods.append(MagentaRow(magenta, mean=True))
        if k in (*SWEPT, options.chosen_k):
            methods += [MagentaRow(magenta, mean=k > 1, strength=s) for s in sweep]


def _add_ours(plan: Plan, options: Options, engine: Engine, sweep: Sequence[float]) -> None:
    steps = parse_steps(options.steps, engine.default_steps)
    every = {0, engine.default_steps}
    for k, methods in plan.methods.items():
        wanted = steps if k == options.chosen_k else [s for s in steps if s in every]
        learner = Learner(engine, OURS, _key(engine))
        methods += [Adapted(learner, count, Family.OURS) for count in wanted]
        if k in (*SWEPT, options.chosen_k):
            swept = [count for count in wanted if count in every]
            methods += [Adapted(learner, count, Family.OURS, strength=s) for count in swept for s in sweep]
    if any(steps):
        plan.notes.append(
            f"Every row of {OURS} is a whole adaptation of its own: its steps are shared out over the "
            "levels, and the best style of each level is kept, as it is served."
        )


def _add_settings(plan: Plan, options: Options, engine: Engine) -> None:
    for words, config in options.settings.items():
        other = Engine(engine.base, engine.device, config)
        learner = Learner(other, f"{OURS}, {words}", _key(other))
        plan.methods[options.chosen_k].append(Adapted(learner, config.steps, Family.SETTINGS))


def _add_baselines(plan: Plan, options: Options) -> None:
    for path in options.baselines:
        engine = Engine.load(path, device=options.device)
        steps = [0, engine.default_steps]
        learner = Learner(engine, f"checkpoint {engine.base_hash[:8]}", _key(engine))
        plan.methods[options.chosen_k] += [Adapted(learner, count, Family.BASELINE) for count in steps]


def _add_no_meta(plan: Plan, options: Options, spare: Sequence[Artist], cache: Cache) -> None:
    engine = Engine.load(options.no_meta, device=options.device)
    search = search_rate(
        engine,
        spare[:RATE_SEARCH_ARTISTS],
        k=options.chosen_k,
        steps=engine.default_steps,
        size=options.size,
        seed=options.seed,
        cache=cache,
    )
    plan.searches["without meta-learning"] = search
    steps = [s for s in parse_steps(options.steps, engine.default_steps) if s <= engine.default_steps]
    learner = Learner(
        _with_rate(engine, search.best),
        f"without meta-learning, rate {search.best:g}",
        f"no-meta-{_key(engine)}-{search.best:g}",
    )
    plan.methods[options.chosen_k] += [Adapted(learner, count, Family.NO_META) for count in steps]


def _add_random(plan: Plan, options: Options, engine: Engine, spare: Sequence[Artist], cache: Cache) -> None:
    steps = options.random_steps
    search = search_rate(
        engine,
        spare[:1],
        k=options.chosen_k,
        steps=min(steps, RANDOM_SEARCH_STEPS),
        size=options.size,
        seed=options.seed,
        cache=cache,
        random_start=True,
    )
    plan.searches["random start"] = search
    learner = Learner(
        _with_rate(engine, search.best),
        f"random start, rate {search.best:g}",
        f"random-{_key(engine)}-{search.best:g}",
        random_start=True,
    )
    plan.methods[options.chosen_k].append(Adapted(learner, steps, Family.RANDOM))


def _with_rate(engine: Engine, rate: float) -> Engine:
    """The same checkpoint with one inner rate for all tensors of all levels."""
    return Engine(engine.base, engine.device, replace(engine.config, rate=rate))
