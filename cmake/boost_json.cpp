// Boost.JSON's code: the packages carry its headers only, so it is compiled here, once.
#include <boost/json/src.hpp>
