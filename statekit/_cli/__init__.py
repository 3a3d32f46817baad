"""The command line. argparse and nothing else, so that it works after a bare install."""
