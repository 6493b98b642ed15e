"""Small programs that show the learner at work: ``sinusoid`` and ``characters``, under a minute each."""
