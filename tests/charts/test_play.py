"""The clock that plays inside a picture."""

import copy
import json
import math
import re

import altair as alt
import numpy as np
import pandas as pd
import pytest
import vl_convert

from workbench.charts import play
from workbench.charts.stack import Stack, stacked


def chart(last=10):
    rows = pd.DataFrame({"step": range(last + 1), "until": [*range(1, last + 1), None]})
    shown = alt.Chart(rows).transform_filter(play.SHOWN).mark_line().encode(x="step:Q", y="step:Q")
    rule = alt.Chart(pd.DataFrame({"clock": [0]})).mark_rule().encode(x=play.now_at())
    now = alt.Chart(rows).transform_filter(play.NOW).mark_point().encode(x="step:Q", y="step:Q")
    return alt.layer(shown, rule, now).properties(params=[play.slider(last)])


def signals(spec):
    return {signal["name"]: signal for signal in vl_convert.vegalite_to_vega(spec)["signals"]}


def handled(signal, kind):
    """The update expression of a signal for an event: "timer", or a button's name."""
    for handler in signal["on"]:
        events = handler["events"] if isinstance(handler["events"], list) else [handler["events"]]
        for event in events:
            if event["type"] == kind or kind in event.get("filter", ""):
                return handler["update"]
    return None


def test_a_picture_without_a_clock_stays_as_it_is():
    spec = alt.Chart(pd.DataFrame({"a": [1]})).mark_point().to_dict()
    assert play.clocked(spec) is spec


def test_the_clock_reaches_vega_and_leaves_the_specification_alone():
    spec = chart(10).to_dict()
    before = copy.deepcopy(spec)
    found = signals(play.clocked(spec))
    assert spec == before
    assert found["step"]["bind"]["max"] == 10
    assert found["step"]["value"] == 10
    assert {"type": "timer", "throttle": play.TICK} in [handler["events"] for handler in found["step"]["on"]]
    inputs = {name.split("_")[0] for name, signal in found.items() if signal.get("bind", {}).get("input") == "button"}
    assert inputs == {"play", "back", "forth"}
    assert found["speed"]["bind"]["labels"] == ["slow", "normal", "fast"]


def evaluate(expression, **names):
    """A Vega expression of the kind the clock is made of, as Python."""
    condition = expression.replace("&&", "and").replace("!playing", "not playing")
    if "?" in condition:
        test, rest = condition.split(" ? ")
        yes, no = rest.split(" : ")
        condition = f"({yes}) if ({test}) else ({no})"
    return eval(condition, {"min": min, "max": max, "floor": math.floor, "true": True, "false": False}, names)


@pytest.mark.parametrize(("last", "speed"), [(10, 1.0), (10, 0.25), (150, 1.0), (150, 4.0), (2000, 1.0)])
def test_it_plays_to_the_end_at_its_speed_stops_there_and_begins_anew(last, speed):
    found = signals(play.clocked(chart(last).to_dict()))
    press = {name: handled(found[name], "'play_") for name in ("step", "playing")}
    state = {"step": last, "playing": False, "beat": 0, "speed": speed}
    state |= {name: evaluate(update, **state) for name, update in press.items()}
    assert (state["step"], state["playing"]) == (0, True)
    seen, ticks = [0], 0
    while state["playing"]:
        for name in ("playing", "step", "beat"):  # the order in which they are declared
            state[name] = evaluate(handled(found[name], "timer"), **state)
        seen.append(state["step"])
        ticks += 1
    assert state["step"] == last
    assert all(np.diff(seen) >= 0)
    wanted = last / (play.steps_a_second(last) * speed)
    assert ticks * play.TICK / 1000 == pytest.approx(wanted, abs=0.3)


def test_single_steps_stop_the_play_and_stay_within_the_path():
    found = signals(play.clocked(chart(10).to_dict()))
    assert evaluate(handled(found["playing"], "'forth_"), playing=True) is False
    forth, back = handled(found["step"], "'forth_"), handled(found["step"], "'back_")
    assert [evaluate(forth, step=step) for step in (3, 10)] == [4, 10]
    assert [evaluate(back, step=step) for step in (3, 0)] == [2, 0]


def test_two_pictures_do_not_hear_each_others_buttons():
    names = [{name for name in signals(play.clocked(chart(last).to_dict())) if "_" in name} for last in (10, 11)]
    assert not names[0] & names[1]


def test_a_clocked_picture_survives_json_and_is_drawn_at_its_last_step():
    spec = play.clocked(chart(10).to_dict())
    assert json.loads(json.dumps(spec)) == spec
    still, moving = (vl_convert.vegalite_to_svg(one) for one in (chart(10).to_dict(), spec))
    assert moving == still


@pytest.mark.parametrize("clock", [0, 4, 10])
def test_one_point_stands_where_the_path_is_now_and_the_line_ends_there(clock):
    spec = chart(10).to_dict()
    spec["params"][0]["value"] = clock
    svg = vl_convert.vegalite_to_svg(spec)
    points = re.search(r'<g class="mark-symbol role-mark layer_2_marks".*?</g>', svg, re.DOTALL)
    label = re.findall(r'aria-label="step: (\d+)"', points[0])
    assert label == [str(clock)]
    (line,) = re.findall(r'<g class="mark-line role-mark layer_0_marks".*? d="(.*?)"', svg, re.DOTALL)
    assert line.count("L") == clock


def test_a_stack_hoists_what_may_stand_only_at_the_top():
    below = alt.Chart(pd.DataFrame({"b": [2]})).mark_point().encode(x="b:Q")
    spec = Stack([chart(10), below], params=[play.slider(5)], spacing=7).to_dict()
    alt.VConcatChart.from_dict(spec)  # validates
    assert [param["bind"]["max"] for param in spec["params"]] == [5]
    assert len(spec["datasets"]) == 3
    assert not any({"$schema", "config", "datasets"} & set(part) for part in spec["vconcat"])
    assert spec["spacing"] == 7
    vl_convert.vegalite_to_svg(spec)


def test_a_stack_keeps_a_selection_in_its_own_view():
    brush = alt.selection_interval(name="brush")
    part = alt.Chart(pd.DataFrame({"b": [2]})).mark_point().encode(x="b:Q").add_params(brush).to_dict()
    spec = stacked([part, chart(3).to_dict()])
    names = [param["name"] for param in spec["params"]]
    own = [param["name"] for param in spec["vconcat"][0].get("params", [])]
    assert sorted(names + own) == ["brush", "step"]
    vl_convert.vegalite_to_svg(spec)
