"""Everything wired together on free loopback ports."""
