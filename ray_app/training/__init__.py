"""Fine-tuning: models, losses, batches, the loop, and its launcher on Ray Train."""
