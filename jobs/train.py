"""Fine-tune every model of the experiment with DeepSpeed on Ray Train (a Ray job)."""

from clir import command, experiment, results
from clir.experiment import sources
from ray_app.models import base_models


def main() -> None:
    settings = experiment.from_command_line(__doc__, sources.tokenizer_texts, base_models.check)
    results.begin(settings)
    sources.check_domains(settings, settings.workspace.collections)
    # Engines take seconds to load: mistakes are told, and Ctrl-C is heard, before that.
    from ray_app import cluster
    from ray_app.training import ray_launcher

    with cluster.connected():
        ray_launcher.train(settings)


if __name__ == "__main__":
    command.run(main)
