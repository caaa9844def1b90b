# Written by the course.
# TensorFlow writes log lines straight to file descriptor 2. Left uncaptured, they go to the terminal and never into a
# notebook, whether a person, nbclient or nbval runs it.
c = get_config()  # noqa: F821
c.IPKernelApp.capture_fd_output = False
# A stored picture holds nothing that changes with the version of matplotlib's name tag.
c.InlineBackend.print_figure_kwargs = {"bbox_inches": "tight", "metadata": {"Software": None}}
