# Lets CMake find liboaic: find_package(oaic) gives the targets oaic::oaic (shared) and oaic::static. It finds the rest
# of what was installed from its own place, so the tree may be moved.
get_filename_component(_oaic_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
find_package(Threads REQUIRED)

if(NOT TARGET oaic::oaic)
    add_library(oaic::oaic SHARED IMPORTED)
    set_target_properties(oaic::oaic PROPERTIES
        IMPORTED_LOCATION "${_oaic_prefix}/lib/liboaic.so.0"
        IMPORTED_SONAME "liboaic.so.0"
        INTERFACE_INCLUDE_DIRECTORIES "${_oaic_prefix}/include")

    add_library(oaic::static STATIC IMPORTED)
    set_target_properties(oaic::static PROPERTIES
        IMPORTED_LOCATION "${_oaic_prefix}/lib/liboaic.a"
        INTERFACE_INCLUDE_DIRECTORIES "${_oaic_prefix}/include"
        INTERFACE_LINK_LIBRARIES "Threads::Threads;${CMAKE_DL_LIBS};m")
endif()
unset(_oaic_prefix)
