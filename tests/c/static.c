/* link: static */
/*
 * The static library: the same embed call, without a shared object.
 */
#include "support.h"

int main(void)
{
    oai_client *client = new_client("");
    CHECK_STATUS(embed(client, "text"), OAI_OK);
    oai_client_free(client);
    return finish("static");
}
