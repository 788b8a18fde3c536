"""The operators' command line, `./microbatch VERB`, and what it installs: migrations, deployment, the environment."""
