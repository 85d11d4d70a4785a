"""The composition root: the one package that knows concrete queues and sinks."""
