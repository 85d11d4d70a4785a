<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Capture;

use Magento\Framework\App\Config\ScopeConfigInterface;
use Magento\Store\Model\ScopeInterface;

/**
 * Knows which events the shop has switched on, store view by store view.
 */
class Toggles
{
    /**
     * @var ScopeConfigInterface
     */
    private $config;

    /**
     * @var string[][]
     */
    private $paths;

    /**
     * @param ScopeConfigInterface $config
     * @param string[][] $paths of each event, the settings of which one must be on
     */
    public function __construct(ScopeConfigInterface $config, array $paths = [])
    {
        $this->config = $config;
        $this->paths = $paths;
    }

    /**
     * Tells whether anything is to be made of the event in the store view.
     */
    public function isOn(string $event, int $storeId): bool
    {
        foreach ($this->paths[$event] ?? [] as $path) {
            if ($this->config->isSetFlag($path, ScopeInterface::SCOPE_STORE, $storeId)) {
                return true;
            }
        }

        return false;
    }
}
