"""Fine-tune every model of the experiment with DeepSpeed on Ray Train (a Ray job).

With --here, in this process: one worker, with torch and transformers alone.
"""

from clir import command, experiment, results, terminal
from clir.experiment import sources
from ray_app.models import base_models


def main() -> None:
    parser = experiment.command_line(__doc__)
    parser.add_argument("--here", action="store_true", help="without Ray and DeepSpeed")
    arguments = parser.parse_args()
    checks = sources.tokenizer_texts, base_models.check
    settings = experiment.load(arguments.config, arguments.set, *checks)
    results.begin(settings)
    sources.check_domains(settings)
    terminal.give_engines(settings.workspace)
    # Engines take seconds to load: mistakes are told, and Ctrl-C is heard, before that.
    if arguments.here:
        from ray_app.training import launch_here

        launch_here.train(settings)
        return
    from ray_app import cluster
    from ray_app.training import launch_on_ray

    with cluster.connection() as connect:
        launch_on_ray.train(connect, settings)


if __name__ == "__main__":
    command.run(main)
