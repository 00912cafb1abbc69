"""Both compose files, brought up for real, with one container of each kind killed in turn: ``make compose-test``."""
