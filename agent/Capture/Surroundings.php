<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Capture;

use Magento\Framework\App\Area;
use Magento\Framework\App\State;
use Magento\Framework\Exception\LocalizedException;
use Magento\Store\Model\Store;
use Magento\Store\Model\StoreManagerInterface;

/**
 * Where the store is at work now: area, store view, web request or command.
 */
class Surroundings
{
    /**
     * @var State
     */
    private $state;

    /**
     * @var StoreManagerInterface
     */
    private $stores;

    public function __construct(State $state, StoreManagerInterface $stores)
    {
        $this->state = $state;
        $this->stores = $stores;
    }

    public function isShell(): bool
    {
        return PHP_SAPI === 'cli';
    }

    /**
     * Gives the area's code; null where none is set, as in most commands.
     */
    public function getArea(): ?string
    {
        try {
            return $this->state->getAreaCode();
        } catch (LocalizedException $exception) {
            return null;
        }
    }

    /**
     * Gives the current store view; the back office, cron and commands work for none: 0.
     */
    public function getStoreId(): int
    {
        $area = $this->getArea();
        if ($area === null || $area === Area::AREA_ADMINHTML || $area === Area::AREA_CRONTAB) {
            return Store::DEFAULT_STORE_ID;
        }

        return (int)$this->stores->getStore()->getId();
    }
}
