# This file is the gem's version, for the gem and its description.

module Oaic
  # The version of the gem; Oaic.library_version is that of the C library.
  VERSION = "0.1.0"
end
