"""From a capture in a queue to an event on a bus: the deciding parts, pure, and the one loop."""
