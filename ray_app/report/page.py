"""The page: report.html, a list of sections."""

from collections.abc import Callable

import jinja2
import pandas as pd

from clir.experiment import Experiment
from clir.languages import OF_COLLECTIONS
from ray_app.report import (
    domain_gains,
    flawed_translations,
    heat_maps,
    left_out,
    lexicon_card,
    masked_means,
    methods,
    rows,
    settings,
    stage_times,
)

# What a template shows, from the experiment and rows of its summary; None: no such section.
Section = Callable[[Experiment, pd.DataFrame], dict[str, object] | None]

# In the order of the page: templates, and what computes their values. First those that are shown
# for each model on each test collection, from the rows of these two.
OF_EACH_MODEL: dict[str, Section] = {
    "methods.html": methods.section,
    "heat_maps.html": heat_maps.section,
    "domain_gains.html": domain_gains.section,
    "masked_means.html": masked_means.section,
}
OF_THE_EXPERIMENT: dict[str, Section] = {
    "left_out.html": left_out.section,
    "lexicon_card.html": lexicon_card.section,
    "flawed_translations.html": flawed_translations.section,
    "stage_times.html": stage_times.section,
    "settings.html": settings.section,
}

_TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("ray_app.report"), autoescape=True, undefined=jinja2.StrictUndefined
)


def page(experiment: Experiment, summary: pd.DataFrame) -> str:
    """The whole page, from the experiment and ``rows.frame`` of its summary."""
    ranked = pd.concat([summary["query_lang"], summary["doc_lang"]])
    return render(
        "page.html",
        {
            "experiment": experiment,
            "languages": rows.present(ranked, OF_COLLECTIONS),
            "of_each_model": [
                (f"{model} on {collection}", _sections(OF_EACH_MODEL, experiment, part))
                for model, collection, part in rows.by_model(experiment, summary)
            ],
            "of_the_experiment": _sections(OF_THE_EXPERIMENT, experiment, summary),
        },
    )


def render(template: str, values: dict[str, object]) -> str:
    """A template's text; every name in it must be among the values."""
    return _TEMPLATES.get_template(template).render(values)


def _sections(
    sections: dict[str, Section], experiment: Experiment, part: pd.DataFrame
) -> list[str]:
    computed = {name: section(experiment, part) for name, section in sections.items()}
    return [render(name, values) for name, values in computed.items() if values is not None]
