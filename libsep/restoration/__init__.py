"""What is done to stems after the separation: the band that a recording has lost."""
