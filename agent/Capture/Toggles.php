<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Capture;

use Magento\Framework\App\Config\ScopeConfigInterface;
use Magento\Store\Model\ScopeInterface;
use Magento\Store\Model\StoreManagerInterface;

/**
 * Reads which events are switched on in which store views.
 */
class Toggles
{
    /**
     * @var ScopeConfigInterface
     */
    private $config;

    /**
     * @var StoreManagerInterface
     */
    private $stores;

    /**
     * @var string[][]
     */
    private $paths;

    /**
     * @param ScopeConfigInterface $config
     * @param StoreManagerInterface $stores
     * @param string[][] $paths of each event, the settings of which one must be on
     */
    public function __construct(ScopeConfigInterface $config, StoreManagerInterface $stores, array $paths = [])
    {
        $this->config = $config;
        $this->stores = $stores;
        $this->paths = $paths;
    }

    /**
     * Returns whether the event is switched on in the store view.
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

    /**
     * Returns whether one of the events is switched on in at least one store view.
     *
     * Nothing is cached: a consumer may run for days, and switches change meanwhile.
     *
     * @param string[] $events
     * @return bool
     */
    public function isAnyOn(array $events): bool
    {
        $paths = [];
        foreach ($events as $event) {
            $paths += array_flip($this->paths[$event] ?? []);
        }
        foreach (array_keys($paths) as $path) {
            if ($this->config->isSetFlag($path)) {
                return true;
            }
        }
        foreach ($paths ? $this->storeIds() : [] as $id) {
            foreach (array_keys($paths) as $path) {
                if ($this->config->isSetFlag($path, ScopeInterface::SCOPE_STORE, $id)) {
                    return true;
                }
            }
        }

        return false;
    }

    /**
     * Returns the IDs of the store views; the admin's scope has the default values.
     *
     * @return int[]
     */
    private function storeIds(): array
    {
        return array_map('intval', array_keys($this->stores->getStores()));
    }
}
