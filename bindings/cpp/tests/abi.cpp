/*
 * A program that was built for a later library than the one it runs with is told so when it makes its first client. It
 * is a program of its own: what it defines would spoil others.
 */
#include <iostream>
#include <string>

#include <oai.h>
#undef OAI_ABI_ADDITIONS
#define OAI_ABI_ADDITIONS 65535
#include <oai.hpp>

int main()
{
    const auto client = oai::Client::make();
    const std::string found = std::to_string(oai_abi_version() >> 16) + "." + std::to_string(oai_abi_version() & 0xffff);
    const std::string needed = std::to_string(OAI_ABI_EPOCH) + ".65535";
    if (!client && client.error().status() == OAI_ERR_STATE &&
        client.error().message().find(found) != std::string::npos &&
        client.error().message().find(needed) != std::string::npos)
        return 0;
    std::cerr << "abi: " << (client ? "a client was made" : client.error().message()) << '\n';
    return 1;
}
