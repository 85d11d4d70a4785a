<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\FullDetail;

use Magento\Store\Model\StoreManagerInterface;
use MagentoEventBridge\Agent\Fence;

/**
 * Names a store view and its website, in store views that have full details on.
 */
class ViewCodes
{
    /**
     * @var DetailLevel
     */
    private $level;

    /**
     * @var StoreManagerInterface
     */
    private $stores;

    /**
     * @var Fence
     */
    private $fence;

    /**
     * @param DetailLevel $level
     * @param StoreManagerInterface $stores
     * @param Fence $fence
     */
    public function __construct(DetailLevel $level, StoreManagerInterface $stores, Fence $fence)
    {
        $this->level = $level;
        $this->stores = $stores;
        $this->fence = $fence;
    }

    /**
     * Returns the codes; null where details are the documented ones, or the store view is gone.
     */
    public function of(int $storeId): ?array
    {
        if (!$this->level->isFull($storeId)) {
            return null;
        }
        $codes = null;
        $this->fence->run('naming a store view', function () use ($storeId, &$codes): void {
            $store = $this->stores->getStore($storeId);
            $codes = ['code' => $store->getCode(), 'website_code' => $store->getWebsite()->getCode()];
        });

        return $codes;
    }
}
