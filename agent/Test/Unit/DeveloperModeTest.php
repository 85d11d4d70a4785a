<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Test\Unit;

/**
 * In developer mode the agent's plugin on commits is called before Magento's.
 */
class DeveloperModeTest extends TransactionBufferTest
{
    protected function isCompiled(): bool
    {
        return false;
    }
}
