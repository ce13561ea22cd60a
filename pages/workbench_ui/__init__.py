"""What the pages share: composing an experiment, running it, showing and sharing its result."""
