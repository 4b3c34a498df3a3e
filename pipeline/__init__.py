"""The training side of Ganvas: stages that prepare, train, export, evaluate and register generative models."""
