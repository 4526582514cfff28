"""Changes of a deployment as plans and a journal: pure, so that every crash point can be tested."""
