"""The models of the course: built, loaded, trained."""
