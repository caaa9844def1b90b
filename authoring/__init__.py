"""What makes the course: stored notebooks and their rules, the site, the slides, what learners hand in."""
